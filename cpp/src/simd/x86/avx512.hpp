// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::x86 {

/// 512-bit steps of the layered kernels.
struct Vector {
    using Symbols = __m512i;

    static void xxh3_accumulate(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                                std::size_t stripes) {
        __m512i lanes = _mm512_loadu_si512(acc);
        for (; stripes > 0; --stripes, data += 64, secret += 8) {
            const __m512i value = _mm512_loadu_si512(data);
            const __m512i key = _mm512_xor_si512(value, _mm512_loadu_si512(secret));
            const __m512i product = _mm512_mul_epu32(key, _mm512_srli_epi64(key, 32));
            lanes = _mm512_add_epi64(lanes,
                                     _mm512_add_epi64(product, _mm512_shuffle_epi32(value, _MM_PERM_BADC)));
        }
        _mm512_storeu_si512(acc, lanes);
    }

    /// Ranks of 64 symbols: the table of 256 is in four registers.
    class Ranks {
      public:
        static constexpr std::size_t step = 64;
        static bool suits(const LayeredTable& /*table*/) { return true; }

        explicit Ranks(const LayeredTable& table)
            : a_(_mm512_loadu_si512(table.rank.data())),
              b_(_mm512_loadu_si512(table.rank.data() + 64)),
              c_(_mm512_loadu_si512(table.rank.data() + 128)),
              d_(_mm512_loadu_si512(table.rank.data() + 192)) {}

        bool look_up(const std::uint8_t* symbols, std::uint8_t* ranks) const {
            const __m512i symbol = _mm512_loadu_si512(symbols);
            const __m512i rank =
                _mm512_mask_blend_epi8(_mm512_movepi8_mask(symbol), _mm512_permutex2var_epi8(a_, symbol, b_),
                                       _mm512_permutex2var_epi8(c_, symbol, d_));
            const __mmask64 unseen = _mm512_movepi8_mask(rank);  // only `unseen` has bit 7 set
            _mm512_storeu_si512(ranks, _mm512_maskz_mov_epi8(~unseen, rank));
            return unseen != 0;
        }

      private:
        __m512i a_, b_, c_, d_;
    };

    static std::size_t encode_block(const std::uint8_t* ranks, std::uint8_t* packed, std::uint8_t* escaped) {
        const __m512i three = _mm512_set1_epi8(3);
        const __m512i rank_0 = _mm512_loadu_si512(ranks), rank_1 = _mm512_loadu_si512(ranks + 64);
        const __m512i code_0 = _mm512_min_epu8(rank_0, three), code_1 = _mm512_min_epu8(rank_1, three);
        const __mmask64 escape_0 = _mm512_cmpeq_epi8_mask(code_0, three);
        const __mmask64 escape_1 = _mm512_cmpeq_epi8_mask(code_1, three);
        _mm512_storeu_si512(escaped, _mm512_maskz_compress_epi8(escape_0, _mm512_sub_epi8(rank_0, three)));
        const auto count_0 = static_cast<std::size_t>(_mm_popcnt_u64(escape_0));
        _mm512_storeu_si512(escaped + count_0,
                            _mm512_maskz_compress_epi8(escape_1, _mm512_sub_epi8(rank_1, three)));
        // Elements 0..31 go to bits 0 and 1 of the 32 bytes, 32..63 to bits 2 and 3, and so on.
        const __m512i both = _mm512_or_si512(code_0, _mm512_slli_epi16(code_1, 4));
        const __m256i low = _mm512_castsi512_si256(both), high = _mm512_extracti64x4_epi64(both, 1);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(packed),
                            _mm256_or_si256(low, _mm256_slli_epi16(high, 2)));
        return count_0 + static_cast<std::size_t>(_mm_popcnt_u64(escape_1));
    }

    static Symbols symbols(const std::uint8_t* three) {
        return _mm512_broadcast_i32x4(_mm_cvtsi32_si128(three[0] | three[1] << 8 | three[2] << 16));
    }

    static std::size_t decode_block(const std::uint8_t* packed, Symbols by_code, const std::uint8_t* escaped,
                                    std::uint8_t* out) {
        const __m512i three = _mm512_set1_epi8(3);
        const __m512i both =
            _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(packed)));
        // Elements 0..31 are in bits 0 and 1 of the 32 bytes, 32..63 in bits 2 and 3, and so on.
        const __m512i shift_0 = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
        const __m512i shift_1 = _mm512_add_epi16(shift_0, _mm512_set1_epi16(4));
        const __m512i code_0 = _mm512_and_si512(_mm512_srlv_epi16(both, shift_0), three);
        const __m512i code_1 = _mm512_and_si512(_mm512_srlv_epi16(both, shift_1), three);
        const __mmask64 escape_0 = _mm512_cmpeq_epi8_mask(code_0, three);
        const __mmask64 escape_1 = _mm512_cmpeq_epi8_mask(code_1, three);
        const auto count_0 = static_cast<std::size_t>(_mm_popcnt_u64(escape_0));
        _mm512_storeu_si512(out, _mm512_mask_expand_epi8(_mm512_shuffle_epi8(by_code, code_0), escape_0,
                                                         _mm512_loadu_si512(escaped)));
        _mm512_storeu_si512(out + 64, _mm512_mask_expand_epi8(_mm512_shuffle_epi8(by_code, code_1), escape_1,
                                                              _mm512_loadu_si512(escaped + count_0)));
        return count_0 + static_cast<std::size_t>(_mm_popcnt_u64(escape_1));
    }
};

}  // namespace zipnn::ZIPNN_TARGET::x86
