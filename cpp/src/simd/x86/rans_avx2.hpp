// SPDX-License-Identifier: MIT

/// rANS with 8 states a register; what a round needs of the words is spread over the lanes that are low.
namespace zipnn::ZIPNN_TARGET::x86 {

/// For each set of low lanes, which of the next words each lane takes, a byte a lane.
inline constexpr auto words_of_lanes = [] {
    std::array<std::uint64_t, 256> table{};
    for (unsigned low = 0; low < 256; ++low) {
        std::uint64_t next = 0;
        for (unsigned lane = 0; lane < 8; ++lane) {
            table[low] |= next << (8 * lane);
            next += low >> lane & 1;
        }
    }
    return table;
}();

inline __m256i decode_lanes(const RansSlot* slots, const std::uint8_t* contexts, __m256i lanes,
                            const std::uint8_t*& at, std::uint8_t* target) {
    const __m256i context = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(contexts)));
    const __m256i mask = _mm256_set1_epi32(rans_total - 1);
    const __m256i index =
        _mm256_or_si256(_mm256_slli_epi32(context, rans_bits), _mm256_and_si256(lanes, mask));
    const __m256i slot = _mm256_i32gather_epi32(reinterpret_cast<const int*>(slots), index, 4);
    const __m256i bytes =
        _mm256_shuffle_epi8(slot, _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1,
                                                                            -1, -1, -1, -1, -1, -1, -1)));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(target),
                     _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)));
    const __m256i frequency = _mm256_and_si256(_mm256_srli_epi32(slot, 8), mask);
    const __m256i state = _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srli_epi32(lanes, rans_bits)),
                                           _mm256_srli_epi32(slot, 20));
    const __m256i low = _mm256_cmpeq_epi32(_mm256_srli_epi32(state, 16), _mm256_setzero_si256());
    const auto set = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(low)));
    const __m256i order =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(words_of_lanes.data() + set)));
    const __m256i words = _mm256_permutevar8x32_epi32(
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))), order);
    at += 2 * std::popcount(set);
    return _mm256_blendv_epi8(state, _mm256_or_si256(_mm256_slli_epi32(state, 16), words), low);
}

inline bool rans_decode(const RansSlot* slots, const std::uint8_t* contexts, std::size_t n, Bytes words,
                        RansState& state, std::uint8_t* target) {
    const std::uint8_t* at = words.data() + state.at;
    const std::uint8_t* end = words.data() + words.size();
    __m256i lanes[4];
    for (std::size_t i = 0; i < 4; ++i)
        lanes[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(state.lanes.data() + 8 * i));
    // Each load is of 16 bytes and moves on by as many at most: a round stays within the slack.
    for (; n >= rans_lanes && at <= end; n -= rans_lanes, contexts += rans_lanes, target += rans_lanes) {
        for (std::size_t i = 0; i < 4; ++i)
            lanes[i] = decode_lanes(slots, contexts + 8 * i, lanes[i], at, target + 8 * i);
        prefetch(at + 512);
    }
    for (std::size_t i = 0; i < 4; ++i)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(state.lanes.data() + 8 * i), lanes[i]);
    if (at > end) return false;
    state.at = static_cast<std::size_t>(at - words.data());
    return ZIPNN_TARGET::rans_decode(slots, contexts, n, words, state, target);
}

}  // namespace zipnn::ZIPNN_TARGET::x86
