// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::v128 {

/// Vectors of 16 bytes, as SSE4.1 has them: the operations that the kernels of simd/vectors are made of.
/// Neon and Avx2 have the same ones. What moves bytes (shuffle, shift_up) stays within each 16 bytes,
/// a number in a name is the width of the numbers that are worked on, and a mask has all bits of a byte
/// set or none.
struct Sse {
    using Value = __m128i;
    using Narrow = Sse;  ///< the vectors of 16 bytes that this one is made of
    using ByteTable = x86::ShuffleTable<Sse>;
    static constexpr std::size_t bytes = 16;

    static Value load(const std::uint8_t* source) {
        return _mm_loadu_si128(reinterpret_cast<const Value*>(source));
    }
    static void store(std::uint8_t* target, Value value) {
        _mm_storeu_si128(reinterpret_cast<Value*>(target), value);
    }
    static Value load_low8(const std::uint8_t* source) {
        return _mm_loadl_epi64(reinterpret_cast<const Value*>(source));
    }
    static void store_low8(std::uint8_t* target, Value value) {
        _mm_storel_epi64(reinterpret_cast<Value*>(target), value);
    }
    /// The same 16 bytes throughout.
    static Value repeat(const std::uint8_t* source) { return load(source); }
    static Value set8(unsigned value) { return _mm_set1_epi8(static_cast<char>(value)); }
    static Value set16(unsigned value) { return _mm_set1_epi16(static_cast<short>(value)); }
    static Value set64(std::uint64_t value) { return _mm_set1_epi64x(static_cast<long long>(value)); }
    template <std::size_t>
    static Narrow::Value part(Value value) {
        return value;
    }

    static Value both(Value a, Value b) { return _mm_and_si128(a, b); }
    static Value either(Value a, Value b) { return _mm_or_si128(a, b); }
    static Value differ(Value a, Value b) { return _mm_xor_si128(a, b); }
    /// Where a is set and b is not.
    static Value without(Value a, Value b) { return _mm_andnot_si128(b, a); }
    static Value select(Value mask, Value a, Value b) { return _mm_blendv_epi8(b, a, mask); }
    static bool any(Value value) { return _mm_testz_si128(value, value) == 0; }

    static Value add8(Value a, Value b) { return _mm_add_epi8(a, b); }
    static Value sub8(Value a, Value b) { return _mm_sub_epi8(a, b); }
    /// Of signed numbers.
    static Value saturated_sub8(Value a, Value b) { return _mm_subs_epi8(a, b); }
    static Value min8(Value a, Value b) { return _mm_min_epu8(a, b); }
    static Value equal8(Value a, Value b) { return _mm_cmpeq_epi8(a, b); }
    static Value add16(Value a, Value b) { return _mm_add_epi16(a, b); }
    static Value sub16(Value a, Value b) { return _mm_sub_epi16(a, b); }
    static Value min16(Value a, Value b) { return _mm_min_epu16(a, b); }
    static Value equal16(Value a, Value b) { return _mm_cmpeq_epi16(a, b); }
    static Value add64(Value a, Value b) { return _mm_add_epi64(a, b); }
    static Value sub64(Value a, Value b) { return _mm_sub_epi64(a, b); }
    /// Products of the lower halves of 64 bits.
    static Value multiply32(Value a, Value b) { return _mm_mul_epu32(a, b); }
    static Value swap64(Value value) { return _mm_shuffle_epi32(value, 0x4E); }
    /// Minus one where a signed number is negative, else zero.
    static Value sign16(Value value) { return _mm_srai_epi16(value, 15); }
    static Value sign32(Value value) { return _mm_srai_epi32(value, 31); }
    static Value sign64(Value value) { return _mm_shuffle_epi32(sign32(value), 0xF5); }

    template <int n>
    static Value shl16(Value value) {
        return _mm_slli_epi16(value, n);
    }
    template <int n>
    static Value shr16(Value value) {
        return _mm_srli_epi16(value, n);
    }
    static Value shl16_by(Value value, unsigned n) {
        return _mm_sll_epi16(value, _mm_cvtsi32_si128(static_cast<int>(n)));
    }
    static Value shr16_by(Value value, unsigned n) {
        return _mm_srl_epi16(value, _mm_cvtsi32_si128(static_cast<int>(n)));
    }
    template <int n>
    static Value shl32(Value value) {
        return _mm_slli_epi32(value, n);
    }
    template <int n>
    static Value shr32(Value value) {
        return _mm_srli_epi32(value, n);
    }
    template <int n>
    static Value shl64(Value value) {
        return _mm_slli_epi64(value, n);
    }
    template <int n>
    static Value shr64(Value value) {
        return _mm_srli_epi64(value, n);
    }

    /// table[index] for indices below 16, 0 for those above 127.
    static Value shuffle(Value table, Value index) { return _mm_shuffle_epi8(table, index); }
    /// A table of 32 bytes, for indices below 32.
    static Value shuffle32(Value low, Value high, Value index) {
        return _mm_blendv_epi8(shuffle(low, index), shuffle(high, index), shl16<3>(index));
    }
    /// Bytes `n` places up, zeros below.
    template <int n>
    static Value shift_up(Value value) {
        return _mm_slli_si128(value, n);
    }

    /// Bit `bit` of each byte.
    template <int bit>
    static unsigned bits(Value value) {
        return static_cast<unsigned>(_mm_movemask_epi8(shl16<7 - bit>(value)));
    }
    static void store_bits(std::uint8_t* target, unsigned bits) {
        store_le(target, static_cast<std::uint16_t>(bits));
    }
    /// The mask of as many bits as a vector has bytes.
    static Value load_bits(const std::uint8_t* source) {
        const Value word = set16(load_le<std::uint16_t>(source));
        const Value places = _mm_setr_epi32(0, 0, 0x01010101, 0x01010101);
        const Value bits = set64(0x8040201008040201);
        return equal8(both(shuffle(word, places), bits), bits);
    }
    /// What `next` has for the bytes that are set in the mask; goes on behind it. Each 16 bytes of the result
    /// begin with their own.
    static Value load_next(const std::uint8_t*& next, Value mask) {
        const Value value = load(next);
        next += std::popcount(bits<7>(mask));
        return value;
    }

    /// Upper (lower) halves of numbers of `width` bytes, those of a first.
    template <std::size_t width>
    static Value upper_halves(Value a, Value b) {
        if constexpr (width == 2) return _mm_packus_epi16(shr16<8>(a), shr16<8>(b));
        if constexpr (width == 4) return _mm_packus_epi32(shr32<16>(a), shr32<16>(b));
        if constexpr (width == 8) return pick<0xDD>(a, b);
    }
    template <std::size_t width>
    static Value lower_halves(Value a, Value b) {
        if constexpr (width == 2) return _mm_packus_epi16(both(a, set16(0xff)), both(b, set16(0xff)));
        if constexpr (width == 4) {
            const Value mask = _mm_set1_epi32(0xffff);
            return _mm_packus_epi32(both(a, mask), both(b, mask));
        }
        if constexpr (width == 8) return pick<0x88>(a, b);
    }
    /// The inverse.
    template <std::size_t width>
    static void join_halves(Value upper, Value lower, Value& a, Value& b) {
        if constexpr (width == 2) a = _mm_unpacklo_epi8(lower, upper), b = _mm_unpackhi_epi8(lower, upper);
        if constexpr (width == 4) a = _mm_unpacklo_epi16(lower, upper), b = _mm_unpackhi_epi16(lower, upper);
        if constexpr (width == 8) a = _mm_unpacklo_epi32(lower, upper), b = _mm_unpackhi_epi32(lower, upper);
    }

  private:
    template <int places>
    static Value pick(Value a, Value b) {
        return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), places));
    }
};

}  // namespace zipnn::ZIPNN_TARGET::v128
