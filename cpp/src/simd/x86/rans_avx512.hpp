// SPDX-License-Identifier: MIT

/// rANS with 16 states a register; what a round needs of the words is spread over the lanes that are low.
namespace zipnn::ZIPNN_TARGET::x86 {

inline __m512i decode_lanes(const RansSlot* slots, const std::uint8_t* contexts, __m512i lanes,
                            const std::uint8_t*& at, std::uint8_t* target) {
    const __m512i context = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(contexts)));
    const __m512i mask = _mm512_set1_epi32(rans_total - 1);
    const __m512i index =
        _mm512_or_si512(_mm512_slli_epi32(context, rans_bits), _mm512_and_si512(lanes, mask));
    const __m512i slot = _mm512_i32gather_epi32(index, slots, 4);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(target), _mm512_cvtepi32_epi8(slot));
    const __m512i frequency = _mm512_and_si512(_mm512_srli_epi32(slot, 8), mask);
    const __m512i state = _mm512_add_epi32(_mm512_mullo_epi32(frequency, _mm512_srli_epi32(lanes, rans_bits)),
                                           _mm512_srli_epi32(slot, 20));
    const __mmask16 low = _mm512_cmplt_epu32_mask(state, _mm512_set1_epi32(rans_floor));
    const __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
    at += 2 * std::popcount(static_cast<std::uint16_t>(low));
    return _mm512_mask_or_epi32(state, low, _mm512_slli_epi32(state, 16),
                                _mm512_maskz_expand_epi32(low, words));
}

inline bool rans_decode(const RansSlot* slots, const std::uint8_t* contexts, std::size_t n, Bytes words,
                        RansState& state, std::uint8_t* target) {
    const std::uint8_t* at = words.data() + state.at;
    const std::uint8_t* end = words.data() + words.size();
    __m512i first = _mm512_loadu_si512(state.lanes.data());
    __m512i second = _mm512_loadu_si512(state.lanes.data() + 16);
    // Each load is of 32 bytes and moves on by as many at most: a round stays within the slack.
    for (; n >= rans_lanes && at <= end; n -= rans_lanes, contexts += rans_lanes, target += rans_lanes) {
        first = decode_lanes(slots, contexts, first, at, target);
        second = decode_lanes(slots, contexts + 16, second, at, target + 16);
        prefetch(at + 512);
    }
    _mm512_storeu_si512(state.lanes.data(), first);
    _mm512_storeu_si512(state.lanes.data() + 16, second);
    if (at > end) return false;
    state.at = static_cast<std::size_t>(at - words.data());
    return ZIPNN_TARGET::rans_decode(slots, contexts, n, words, state, target);
}

/// Encodes 16 symbols; what overflows goes in front of `at`, in the order of the lanes.
inline __m512i encode_lanes(const RansCode* codes, const std::uint8_t* contexts, const std::uint8_t* symbols,
                            __m512i lanes, std::uint8_t*& at, __m512i& all) {
    static_assert(sizeof(RansCode) == 16);
    const __m512i context = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(contexts)));
    const __m512i symbol = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(symbols)));
    const __m512i index = _mm512_or_si512(_mm512_slli_epi32(context, 9), _mm512_slli_epi32(symbol, 1));
    const __m512i code = _mm512_i32gather_epi32(index, &codes->frequency, 8);
    all = _mm512_or_si512(all, code);
    const __m512i frequency = _mm512_and_si512(code, _mm512_set1_epi32(0xffff));
    const __m512i start = _mm512_and_si512(_mm512_srli_epi32(code, 16), _mm512_set1_epi32(rans_total - 1));
    const __mmask16 high = _mm512_cmpge_epu32_mask(lanes, _mm512_slli_epi32(frequency, 20));
    const unsigned count = static_cast<unsigned>(std::popcount(static_cast<std::uint16_t>(high)));
    at -= 2 * count;
    _mm256_mask_storeu_epi16(at, static_cast<__mmask16>((1U << count) - 1),
                             _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(high, lanes)));
    const __m512i x = _mm512_mask_srli_epi32(lanes, high, lanes, 16);
    // The quotient is below 2^20: that of floats is at most one off.
    const __m512 ratio = _mm512_div_ps(_mm512_cvtepu32_ps(x), _mm512_cvtepu32_ps(frequency));
    __m512i quotient = _mm512_cvttps_epu32(ratio);
    const __m512i rest = _mm512_sub_epi32(x, _mm512_mullo_epi32(quotient, frequency));
    const __m512i one = _mm512_set1_epi32(1);
    const __mmask16 above = _mm512_cmplt_epi32_mask(rest, _mm512_setzero_si512());
    const __mmask16 below = _mm512_cmpge_epi32_mask(rest, frequency);
    quotient = _mm512_mask_sub_epi32(quotient, above, quotient, one);
    quotient = _mm512_mask_add_epi32(quotient, below, quotient, one);
    const __m512i others = _mm512_sub_epi32(_mm512_set1_epi32(rans_total), frequency);
    return _mm512_add_epi32(_mm512_add_epi32(x, start), _mm512_mullo_epi32(quotient, others));
}

inline bool rans_encode(const RansCode* codes, const std::uint8_t* contexts, const std::uint8_t* symbols,
                        std::size_t n, std::uint8_t* words, RansState& state) {
    const std::size_t rest = n % rans_lanes, whole = n - rest;
    bool unseen =
        rest != 0 && ZIPNN_TARGET::rans_encode(codes, contexts + whole, symbols + whole, rest, words, state);
    std::uint8_t* at = words + state.at;
    __m512i all = _mm512_setzero_si512();
    __m512i first = _mm512_loadu_si512(state.lanes.data());
    __m512i second = _mm512_loadu_si512(state.lanes.data() + 16);
    for (std::size_t i = whole; i != 0; i -= rans_lanes) {
        second = encode_lanes(codes, contexts + i - 16, symbols + i - 16, second, at, all);
        first = encode_lanes(codes, contexts + i - 32, symbols + i - 32, first, at, all);
    }
    _mm512_storeu_si512(state.lanes.data(), first);
    _mm512_storeu_si512(state.lanes.data() + 16, second);
    state.at = static_cast<std::size_t>(at - words);
    unseen |= _mm512_movepi32_mask(all) != 0;
    return unseen;
}

}  // namespace zipnn::ZIPNN_TARGET::x86
