// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::x86 {

/// 256-bit steps of the layered kernels.
struct Vector {
    using Symbols = __m256i;

    static void xxh3_accumulate(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                                std::size_t stripes) {
        auto* const lanes = reinterpret_cast<__m256i*>(acc);
        __m256i low = _mm256_loadu_si256(lanes), high = _mm256_loadu_si256(lanes + 1);
        for (; stripes > 0; --stripes, data += 64, secret += 8) {
            low = xxh3_step(low, data, secret);
            high = xxh3_step(high, data + 32, secret + 32);
        }
        _mm256_storeu_si256(lanes, low);
        _mm256_storeu_si256(lanes + 1, high);
    }

    static void xxh3_blocks(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                            std::size_t blocks) {
        auto* const lanes = reinterpret_cast<__m256i*>(acc);
        __m256i low = _mm256_loadu_si256(lanes), high = _mm256_loadu_si256(lanes + 1);
        for (; blocks > 0; --blocks, data += 64 * xxh3_block_stripes) {
            for (std::size_t i = 0; i < xxh3_block_stripes; ++i) {
                low = xxh3_step(low, data + 64 * i, secret + 8 * i);
                high = xxh3_step(high, data + 64 * i + 32, secret + 8 * i + 32);
            }
            low = xxh3_scramble(low, secret + xxh3_scramble_at);
            high = xxh3_scramble(high, secret + xxh3_scramble_at + 32);
        }
        _mm256_storeu_si256(lanes, low);
        _mm256_storeu_si256(lanes + 1, high);
    }

    static std::size_t count_threes(const std::uint8_t* codes, std::size_t n) {
        return ZIPNN_TARGET::count_threes(codes, n);
    }

    /// Ranks of 32 symbols, by a window.
    class Ranks {
      public:
        static constexpr std::size_t step = 32;

        static bool suits(const LayeredTable& table) { return vectors::RankWindow::suits(table); }

        explicit Ranks(const LayeredTable& table) {
            const vectors::RankWindow window(table);
            const auto* const ranks = reinterpret_cast<const __m128i*>(window.ranks.data());
            first_ = _mm256_set1_epi8(static_cast<char>(window.first));
            low_ = _mm256_broadcastsi128_si256(_mm_loadu_si128(ranks));
            high_ = _mm256_broadcastsi128_si256(_mm_loadu_si128(ranks + 1));
        }

        bool look_up(const std::uint8_t* symbols, std::uint8_t* ranks) const {
            const __m256i symbol = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(symbols));
            const __m256i last = _mm256_set1_epi8(31);
            const __m256i index = _mm256_min_epu8(_mm256_sub_epi8(symbol, first_), last);
            __m256i rank = _mm256_blendv_epi8(_mm256_shuffle_epi8(low_, index),
                                              _mm256_shuffle_epi8(high_, index), _mm256_slli_epi16(index, 3));
            // The last place is zero's alone.
            const __m256i stray = _mm256_andnot_si256(_mm256_cmpeq_epi8(symbol, _mm256_setzero_si256()),
                                                      _mm256_cmpeq_epi8(index, last));
            rank = _mm256_or_si256(rank, stray);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(ranks),
                                _mm256_andnot_si256(_mm256_cmpgt_epi8(_mm256_setzero_si256(), rank), rank));
            return _mm256_movemask_epi8(rank) != 0;  // only `unseen` has bit 7 set
        }

      private:
        __m256i first_, low_, high_;
    };

    static std::size_t encode_block(const std::uint8_t* ranks, std::uint8_t* packed, std::uint8_t* escaped) {
        const __m256i three = _mm256_set1_epi8(3);
        __m256i codes = _mm256_setzero_si256();
        std::uint8_t* out = escaped;
        for (int i = 3; i >= 0; --i) {
            const __m256i rank = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ranks + 32 * i));
            codes = _mm256_or_si256(_mm256_slli_epi16(codes, 2), _mm256_min_epu8(rank, three));
        }
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(packed), codes);
        for (int i = 0; i < 4; ++i) {
            const __m256i rank = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ranks + 32 * i));
            const __m256i escape = _mm256_cmpeq_epi8(_mm256_max_epu8(rank, three), rank);
            out = compress(_mm256_sub_epi8(rank, three), static_cast<unsigned>(_mm256_movemask_epi8(escape)),
                           out);
        }
        return static_cast<std::size_t>(out - escaped);
    }

    static Symbols symbols(const std::uint8_t* three) {
        return _mm256_broadcastsi128_si256(_mm_cvtsi32_si128(three[0] | three[1] << 8 | three[2] << 16));
    }

    static std::size_t decode_block(const std::uint8_t* packed, Symbols by_code, const std::uint8_t* escaped,
                                    std::uint8_t* out) {
        const __m256i three = _mm256_set1_epi8(3);
        __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(packed));
        const std::uint8_t* next = escaped;
        for (std::size_t i = 0; i < 4; ++i, codes = _mm256_srli_epi16(codes, 2)) {
            const __m256i code = _mm256_and_si256(codes, three);
            const __m256i is_escape = _mm256_cmpeq_epi8(code, three);
            const __m256i symbol =
                _mm256_or_si256(_mm256_shuffle_epi8(by_code, code), expand(is_escape, next));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32 * i), symbol);
        }
        return static_cast<std::size_t>(next - escaped);
    }

  private:
    /// The bytes that are set in the mask, in order. Returns behind them.
    static std::uint8_t* compress(__m256i bytes, unsigned mask, std::uint8_t* out) {
        const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
        out = compress_8(low, mask & 0xff, out);
        out = compress_8(_mm_unpackhi_epi64(low, low), mask >> 8 & 0xff, out);
        out = compress_8(high, mask >> 16 & 0xff, out);
        return compress_8(_mm_unpackhi_epi64(high, high), mask >> 24, out);
    }

    static std::uint8_t* compress_8(__m128i bytes, unsigned mask, std::uint8_t* out) {
        const __m128i places = _mm_cvtsi64_si128(static_cast<long long>(vectors::places_by_mask[mask]));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(bytes, places));
        return out + _mm_popcnt_u32(mask);
    }

    static __m256i xxh3_step(__m256i acc, const std::uint8_t* data, const std::uint8_t* secret) {
        const __m256i value = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
        const __m256i key =
            _mm256_xor_si256(value, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(secret)));
        const __m256i product = _mm256_mul_epu32(key, _mm256_srli_epi64(key, 32));
        return _mm256_add_epi64(acc, _mm256_add_epi64(product, _mm256_shuffle_epi32(value, 0x4E)));
    }

    static __m256i xxh3_scramble(__m256i acc, const std::uint8_t* secret) {
        const __m256i prime = _mm256_set1_epi64x(xxh3_prime);
        const __m256i key = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(secret));
        const __m256i mixed = _mm256_xor_si256(_mm256_xor_si256(acc, _mm256_srli_epi64(acc, 47)), key);
        const __m256i high = _mm256_mul_epu32(_mm256_srli_epi64(mixed, 32), prime);
        return _mm256_add_epi64(_mm256_mul_epu32(mixed, prime), _mm256_slli_epi64(high, 32));
    }

    /// The next bytes, in order, to where `mask` is set; 0 elsewhere.
    static __m256i expand(__m256i mask, const std::uint8_t*& next) {
        // Minus the running count in each half, whose complement is the index of the byte to take.
        __m256i sum = _mm256_add_epi8(mask, _mm256_slli_si256(mask, 1));
        sum = _mm256_add_epi8(sum, _mm256_slli_si256(sum, 2));
        sum = _mm256_add_epi8(sum, _mm256_slli_si256(sum, 4));
        sum = _mm256_add_epi8(sum, _mm256_slli_si256(sum, 8));
        const __m256i index = _mm256_xor_si256(sum, _mm256_set1_epi8(-1));
        const auto bits = static_cast<unsigned>(_mm256_movemask_epi8(mask));
        const std::uint8_t* upper = next + _mm_popcnt_u32(bits & 0xffff);
        const __m256i bytes = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(next))),
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(upper)), 1);
        next += _mm_popcnt_u32(bits);
        return _mm256_and_si256(_mm256_shuffle_epi8(bytes, index), mask);
    }
};

}  // namespace zipnn::ZIPNN_TARGET::x86
