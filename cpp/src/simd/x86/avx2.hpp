// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::x86 {

using v128::Sse;

/// Vectors of 32 bytes: the operations of Sse (v128/sse.hpp).
struct Avx2 {
    using Value = __m256i;
    using Narrow = Sse;
    using ByteTable = ShuffleTable<Avx2>;
    static constexpr std::size_t bytes = 32;

    static Value load(const std::uint8_t* source) {
        return _mm256_loadu_si256(reinterpret_cast<const Value*>(source));
    }
    static void store(std::uint8_t* target, Value value) {
        _mm256_storeu_si256(reinterpret_cast<Value*>(target), value);
    }
    static Value repeat(const std::uint8_t* source) { return _mm256_broadcastsi128_si256(Sse::load(source)); }
    static Value set8(unsigned value) { return _mm256_set1_epi8(static_cast<char>(value)); }
    static Value set16(unsigned value) { return _mm256_set1_epi16(static_cast<short>(value)); }
    static Value set64(std::uint64_t value) { return _mm256_set1_epi64x(static_cast<long long>(value)); }
    template <std::size_t index>
    static Narrow::Value part(Value value) {
        return _mm256_extracti128_si256(value, index);
    }

    static Value both(Value a, Value b) { return _mm256_and_si256(a, b); }
    static Value either(Value a, Value b) { return _mm256_or_si256(a, b); }
    static Value differ(Value a, Value b) { return _mm256_xor_si256(a, b); }
    static Value without(Value a, Value b) { return _mm256_andnot_si256(b, a); }
    static Value select(Value mask, Value a, Value b) { return _mm256_blendv_epi8(b, a, mask); }
    static bool any(Value value) { return _mm256_testz_si256(value, value) == 0; }

    static Value add8(Value a, Value b) { return _mm256_add_epi8(a, b); }
    static Value sub8(Value a, Value b) { return _mm256_sub_epi8(a, b); }
    static Value saturated_sub8(Value a, Value b) { return _mm256_subs_epi8(a, b); }
    static Value min8(Value a, Value b) { return _mm256_min_epu8(a, b); }
    static Value equal8(Value a, Value b) { return _mm256_cmpeq_epi8(a, b); }
    static Value add16(Value a, Value b) { return _mm256_add_epi16(a, b); }
    static Value sub16(Value a, Value b) { return _mm256_sub_epi16(a, b); }
    static Value min16(Value a, Value b) { return _mm256_min_epu16(a, b); }
    static Value equal16(Value a, Value b) { return _mm256_cmpeq_epi16(a, b); }
    static Value add64(Value a, Value b) { return _mm256_add_epi64(a, b); }
    static Value sub64(Value a, Value b) { return _mm256_sub_epi64(a, b); }
    static Value multiply32(Value a, Value b) { return _mm256_mul_epu32(a, b); }
    static Value swap64(Value value) { return _mm256_shuffle_epi32(value, 0x4E); }
    static Value sign16(Value value) { return _mm256_srai_epi16(value, 15); }
    static Value sign32(Value value) { return _mm256_srai_epi32(value, 31); }
    static Value sign64(Value value) { return _mm256_shuffle_epi32(sign32(value), 0xF5); }

    template <int n>
    static Value shl16(Value value) {
        return _mm256_slli_epi16(value, n);
    }
    template <int n>
    static Value shr16(Value value) {
        return _mm256_srli_epi16(value, n);
    }
    static Value shl16_by(Value value, unsigned n) {
        return _mm256_sll_epi16(value, _mm_cvtsi32_si128(static_cast<int>(n)));
    }
    static Value shr16_by(Value value, unsigned n) {
        return _mm256_srl_epi16(value, _mm_cvtsi32_si128(static_cast<int>(n)));
    }
    template <int n>
    static Value shl32(Value value) {
        return _mm256_slli_epi32(value, n);
    }
    template <int n>
    static Value shr32(Value value) {
        return _mm256_srli_epi32(value, n);
    }
    template <int n>
    static Value shl64(Value value) {
        return _mm256_slli_epi64(value, n);
    }
    template <int n>
    static Value shr64(Value value) {
        return _mm256_srli_epi64(value, n);
    }

    static Value shuffle(Value table, Value index) { return _mm256_shuffle_epi8(table, index); }
    static Value shuffle32(Value low, Value high, Value index) {
        return _mm256_blendv_epi8(shuffle(low, index), shuffle(high, index), shl16<3>(index));
    }
    template <int n>
    static Value shift_up(Value value) {
        return _mm256_slli_si256(value, n);
    }

    template <int bit>
    static unsigned bits(Value value) {
        return static_cast<unsigned>(_mm256_movemask_epi8(shl16<7 - bit>(value)));
    }
    static void store_bits(std::uint8_t* target, unsigned bits) { store_le(target, bits); }
    static Value load_bits(const std::uint8_t* source) {
        const Value word = _mm256_set1_epi32(static_cast<int>(load_le<std::uint32_t>(source)));
        const Value places =
            _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
        const Value bits = set64(0x8040201008040201);
        return equal8(both(shuffle(word, places), bits), bits);
    }
    static Value load_next(const std::uint8_t*& next, Value mask) {
        const unsigned set = bits<7>(mask);
        const std::uint8_t* upper = next + std::popcount(set & 0xffff);
        const Value value =
            _mm256_inserti128_si256(_mm256_castsi128_si256(Sse::load(next)), Sse::load(upper), 1);
        next += std::popcount(set);
        return value;
    }

    template <std::size_t width>
    static Value upper_halves(Value a, Value b) {
        if constexpr (width == 2) return cross(_mm256_packus_epi16(shr16<8>(a), shr16<8>(b)));
        if constexpr (width == 4) return cross(_mm256_packus_epi32(shr32<16>(a), shr32<16>(b)));
        if constexpr (width == 8) return cross(pick<0xDD>(a, b));
    }
    template <std::size_t width>
    static Value lower_halves(Value a, Value b) {
        if constexpr (width == 2)
            return cross(_mm256_packus_epi16(both(a, set16(0xff)), both(b, set16(0xff))));
        if constexpr (width == 4) {
            const Value mask = _mm256_set1_epi32(0xffff);
            return cross(_mm256_packus_epi32(both(a, mask), both(b, mask)));
        }
        if constexpr (width == 8) return cross(pick<0x88>(a, b));
    }
    template <std::size_t width>
    static void join_halves(Value upper, Value lower, Value& a, Value& b) {
        const Value u = cross(upper), l = cross(lower);
        if constexpr (width == 2) a = _mm256_unpacklo_epi8(l, u), b = _mm256_unpackhi_epi8(l, u);
        if constexpr (width == 4) a = _mm256_unpacklo_epi16(l, u), b = _mm256_unpackhi_epi16(l, u);
        if constexpr (width == 8) a = _mm256_unpacklo_epi32(l, u), b = _mm256_unpackhi_epi32(l, u);
    }

  private:
    /// Quadwords 0 2 1 3: packing and interleaving stay within 16 bytes.
    static Value cross(Value value) { return _mm256_permute4x64_epi64(value, 0xD8); }

    template <int places>
    static Value pick(Value a, Value b) {
        return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), places));
    }
};

}  // namespace zipnn::ZIPNN_TARGET::x86
