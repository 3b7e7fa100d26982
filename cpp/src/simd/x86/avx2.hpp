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
            const __m256i symbol = _mm256_or_si256(_mm256_shuffle_epi8(by_code, code), expand(is_escape, next));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32 * i), symbol);
        }
        return static_cast<std::size_t>(next - escaped);
    }

  private:
    static __m256i xxh3_step(__m256i acc, const std::uint8_t* data, const std::uint8_t* secret) {
        const __m256i value = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
        const __m256i key =
            _mm256_xor_si256(value, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(secret)));
        const __m256i product = _mm256_mul_epu32(key, _mm256_srli_epi64(key, 32));
        return _mm256_add_epi64(acc, _mm256_add_epi64(product, _mm256_shuffle_epi32(value, 0x4E)));
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
