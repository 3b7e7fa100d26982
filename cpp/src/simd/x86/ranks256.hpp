// SPDX-License-Identifier: MIT

/// 256-bit steps of the rank kernels.
namespace zipnn::ZIPNN_TARGET::x86 {

struct Ranks256 {
    static constexpr std::size_t bytes = 32;

    static __m256i load(const std::uint8_t* source) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source));
    }
    static void store(std::uint8_t* target, __m256i value) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), value);
    }

    /// A table of 256 bytes as sixteen shuffles.
    class ByteTable {
      public:
        explicit ByteTable(const std::uint8_t* table) {
            for (std::size_t i = 0; i < 16; ++i)
                parts_[i] = _mm256_broadcastsi128_si256(
                    _mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * i)));
        }

        __m256i look_up(__m256i index) const {
            const __m256i low = half(index, 0);
            if (_mm256_movemask_epi8(index) == 0) return low;  // ranks are seldom above 127
            return _mm256_or_si256(low, half(_mm256_xor_si256(index, _mm256_set1_epi8(-128)), 8));
        }

      private:
        __m256i half(__m256i index, std::size_t first) const {
            // Indices outside of a part get bit 7 set, for which the shuffle gives 0.
            const __m256i beyond = _mm256_set1_epi8(0x70), part_size = _mm256_set1_epi8(16);
            __m256i found = _mm256_setzero_si256();
            for (std::size_t i = 0; i < 8; ++i) {
                found = _mm256_or_si256(
                    found, _mm256_shuffle_epi8(parts_[first + i], _mm256_adds_epu8(index, beyond)));
                index = _mm256_sub_epi8(index, part_size);
            }
            return found;
        }

        __m256i parts_[16];
    };

    static __m256i ones(unsigned bits) { return _mm256_set1_epi8(static_cast<char>((1U << bits) - 1)); }

    static void split_rank(__m256i rank, unsigned extra_bits, unsigned shift, std::uint8_t* groups,
                           std::uint8_t* extra) {
        const __m128i by_extra = _mm_cvtsi32_si128(static_cast<int>(extra_bits));
        const __m128i by_shift = _mm_cvtsi32_si128(static_cast<int>(shift));
        store(groups, _mm256_and_si256(_mm256_srl_epi16(rank, by_extra), ones(8 - extra_bits)));
        const __m256i low = _mm256_sll_epi16(_mm256_and_si256(rank, ones(extra_bits)), by_shift);
        store(extra, _mm256_or_si256(_mm256_and_si256(load(extra), ones(shift)), low));
    }

    static __m256i join_rank(const std::uint8_t* groups, const std::uint8_t* extra, unsigned extra_bits,
                             unsigned shift) {
        const __m128i by_extra = _mm_cvtsi32_si128(static_cast<int>(extra_bits));
        const __m128i by_shift = _mm_cvtsi32_si128(static_cast<int>(shift));
        const __m256i low = _mm256_and_si256(_mm256_srl_epi16(load(extra), by_shift), ones(extra_bits));
        const __m256i high = _mm256_andnot_si256(ones(extra_bits), _mm256_sll_epi16(load(groups), by_extra));
        return _mm256_or_si256(high, low);
    }

    template <unsigned bits>
    static void pack_block(const std::uint8_t* values, std::uint8_t* packed) {
        if constexpr (bits == 1) {
            pack_bit<0>(values, packed);
        } else if constexpr (bits >= 4) {
            for (std::size_t i = 0; i < 64; i += 32)
                store(packed + i, _mm256_or_si256(_mm256_and_si256(load(values + i), ones(4)),
                                                  _mm256_slli_epi16(
                                                      _mm256_and_si256(load(values + 64 + i), ones(4)), 4)));
            if constexpr (bits == 5) pack_bit<4>(values, packed + 64);
        } else {
            __m256i codes = _mm256_setzero_si256();
            for (std::size_t i = 4; i-- > 0;)
                codes = _mm256_or_si256(_mm256_slli_epi16(codes, 2),
                                        _mm256_and_si256(load(values + 32 * i), ones(2)));
            store(packed, codes);
            if constexpr (bits == 3) pack_bit<2>(values, packed + 32);
        }
    }

    template <unsigned bits>
    static void unpack_block(const std::uint8_t* packed, std::uint8_t* values) {
        if constexpr (bits == 1) {
            for (std::size_t i = 0; i < 4; ++i) store(values + 32 * i, bit_at<0>(packed + 4 * i));
        } else if constexpr (bits >= 4) {
            for (std::size_t i = 0; i < 64; i += 32) {
                const __m256i both = load(packed + i);
                __m256i low = _mm256_and_si256(both, ones(4));
                __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), ones(4));
                if constexpr (bits == 5) {
                    low = _mm256_or_si256(low, bit_at<4>(packed + 64 + i / 8));
                    high = _mm256_or_si256(high, bit_at<4>(packed + 72 + i / 8));
                }
                store(values + i, low);
                store(values + 64 + i, high);
            }
        } else {
            __m256i codes = load(packed);
            for (std::size_t i = 0; i < 4; ++i, codes = _mm256_srli_epi16(codes, 2)) {
                __m256i value = _mm256_and_si256(codes, ones(2));
                if constexpr (bits == 3) value = _mm256_or_si256(value, bit_at<2>(packed + 32 + 4 * i));
                store(values + 32 * i, value);
            }
        }
    }

  private:
    template <unsigned bit>
    static void pack_bit(const std::uint8_t* values, std::uint8_t* packed) {
        for (std::size_t i = 0; i < 4; ++i)
            store_le(packed + 4 * i, static_cast<std::uint32_t>(_mm256_movemask_epi8(
                                         _mm256_slli_epi16(load(values + 32 * i), 7 - bit))));
    }

    /// 32 bits as bytes of 0 or `1 << bit`.
    template <unsigned bit>
    static __m256i bit_at(const std::uint8_t* packed) {
        const __m256i word = _mm256_set1_epi32(static_cast<int>(load_le<std::uint32_t>(packed)));
        const __m256i places =
            _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
        const __m256i bits = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
        const __m256i spread = _mm256_and_si256(_mm256_shuffle_epi8(word, places), bits);
        return _mm256_and_si256(_mm256_cmpeq_epi8(spread, bits), _mm256_set1_epi8(1 << bit));
    }
};

}  // namespace zipnn::ZIPNN_TARGET::x86
