// SPDX-License-Identifier: MIT

/// 512-bit steps of the rank kernels.
namespace zipnn::ZIPNN_TARGET::x86 {

struct Ranks512 {
    static constexpr std::size_t bytes = 64;
    using ByteTable = x86::ByteTable;

    static __m512i load(const std::uint8_t* source) { return _mm512_loadu_si512(source); }
    static void store(std::uint8_t* target, __m512i value) { _mm512_storeu_si512(target, value); }
    static __m512i ones(unsigned bits) { return _mm512_set1_epi8(static_cast<char>((1U << bits) - 1)); }

    static void split_rank(__m512i rank, unsigned extra_bits, unsigned shift, std::uint8_t* groups,
                           std::uint8_t* extra) {
        const __m128i by_extra = _mm_cvtsi32_si128(static_cast<int>(extra_bits));
        const __m128i by_shift = _mm_cvtsi32_si128(static_cast<int>(shift));
        store(groups, _mm512_and_si512(_mm512_srl_epi16(rank, by_extra), ones(8 - extra_bits)));
        const __m512i low = _mm512_sll_epi16(_mm512_and_si512(rank, ones(extra_bits)), by_shift);
        store(extra, _mm512_or_si512(_mm512_and_si512(load(extra), ones(shift)), low));
    }

    static __m512i join_rank(const std::uint8_t* groups, const std::uint8_t* extra, unsigned extra_bits,
                             unsigned shift) {
        const __m128i by_extra = _mm_cvtsi32_si128(static_cast<int>(extra_bits));
        const __m128i by_shift = _mm_cvtsi32_si128(static_cast<int>(shift));
        const __m512i low = _mm512_srl_epi16(load(extra), by_shift);
        const __m512i high = _mm512_sll_epi16(load(groups), by_extra);
        return _mm512_ternarylogic_epi64(ones(extra_bits), low, high, 0xCA);  // low where ones, else high
    }

    template <unsigned bits>
    static void pack_block(const std::uint8_t* values, std::uint8_t* packed) {
        const __m512i a = load(values), b = load(values + 64);
        if constexpr (bits == 1) {
            pack_bit<0>(a, b, packed);
        } else if constexpr (bits >= 4) {
            store(packed, _mm512_or_si512(_mm512_and_si512(a, ones(4)),
                                          _mm512_slli_epi16(_mm512_and_si512(b, ones(4)), 4)));
            if constexpr (bits == 5) pack_bit<4>(a, b, packed + 64);
        } else {
            const __m512i both = _mm512_or_si512(_mm512_and_si512(a, ones(2)),
                                                 _mm512_slli_epi16(_mm512_and_si512(b, ones(2)), 4));
            const __m256i low = _mm512_castsi512_si256(both), high = _mm512_extracti64x4_epi64(both, 1);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(packed),
                                _mm256_or_si256(low, _mm256_slli_epi16(high, 2)));
            if constexpr (bits == 3) pack_bit<2>(a, b, packed + 32);
        }
    }

    /// The values of a block: 0..63 and 64..127.
    struct Block {
        __m512i first, second;
    };

    template <unsigned bits>
    static Block unpacked(const std::uint8_t* packed) {
        if constexpr (bits == 1) {
            return {bit_at<0>(packed), bit_at<0>(packed + 8)};
        } else if constexpr (bits >= 4) {
            const __m512i both = load(packed);
            Block block{_mm512_and_si512(both, ones(4)),
                        _mm512_and_si512(_mm512_srli_epi16(both, 4), ones(4))};
            if constexpr (bits == 5) block = with_bit<4>(block, packed + 64);
            return block;
        } else {
            const __m512i both =
                _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(packed)));
            const __m512i shift = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
            const __m512i shifted = _mm512_srlv_epi16(both, shift);
            Block block{_mm512_and_si512(shifted, ones(2)),
                        _mm512_and_si512(_mm512_srli_epi16(shifted, 4), ones(2))};
            if constexpr (bits == 3) block = with_bit<2>(block, packed + 32);
            return block;
        }
    }

    static Block unpacked(unsigned bits, const std::uint8_t* packed) {
        switch (bits) {
            case 1: return unpacked<1>(packed);
            case 2: return unpacked<2>(packed);
            case 3: return unpacked<3>(packed);
            case 4: return unpacked<4>(packed);
            default: return unpacked<5>(packed);
        }
    }

    template <unsigned bits>
    static void unpack_block(const std::uint8_t* packed, std::uint8_t* values) {
        const Block block = unpacked<bits>(packed);
        store(values, block.first);
        store(values + 64, block.second);
    }

  private:
    template <unsigned bit>
    static void pack_bit(__m512i a, __m512i b, std::uint8_t* packed) {
        const __m512i mask = _mm512_set1_epi8(1 << bit);
        store_le(packed, static_cast<std::uint64_t>(_mm512_test_epi8_mask(a, mask)));
        store_le(packed + 8, static_cast<std::uint64_t>(_mm512_test_epi8_mask(b, mask)));
    }

    template <unsigned bit>
    static Block with_bit(Block block, const std::uint8_t* packed) {
        return {_mm512_or_si512(block.first, bit_at<bit>(packed)),
                _mm512_or_si512(block.second, bit_at<bit>(packed + 8))};
    }

    template <unsigned bit>
    static __m512i bit_at(const std::uint8_t* packed) {
        return _mm512_maskz_set1_epi8(load_le<std::uint64_t>(packed), 1 << bit);
    }
};

}  // namespace zipnn::ZIPNN_TARGET::x86
