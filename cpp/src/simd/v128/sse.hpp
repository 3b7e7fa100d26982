// SPDX-License-Identifier: MIT

/// Sixteen bytes as SSSE3 and SSE4.1 have them; neon.hpp has the same names.
///
/// What ends in 8, 16 or 64 works on bytes, words or quadwords, unsigned. A mask has all bits of a byte or
/// word set, or none.
namespace zipnn::ZIPNN_TARGET::v128 {

using V = __m128i;

inline V load(const std::uint8_t* source) { return _mm_loadu_si128(reinterpret_cast<const V*>(source)); }
inline void store(std::uint8_t* target, V x) { _mm_storeu_si128(reinterpret_cast<V*>(target), x); }
/// The lower eight bytes.
inline void store_half(std::uint8_t* target, V x) { _mm_storel_epi64(reinterpret_cast<V*>(target), x); }

inline V fill8(unsigned value) { return _mm_set1_epi8(static_cast<char>(value)); }
inline V fill16(unsigned value) { return _mm_set1_epi16(static_cast<short>(value)); }
inline V fill64(std::uint64_t value) { return _mm_set1_epi64x(static_cast<long long>(value)); }
inline V from_halves(std::uint64_t low, std::uint64_t high) {
    return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
}

inline V both(V x, V y) { return _mm_and_si128(x, y); }
inline V either(V x, V y) { return _mm_or_si128(x, y); }
inline V differ(V x, V y) { return _mm_xor_si128(x, y); }
/// `x` without the bits of `mask`.
inline V without(V x, V mask) { return _mm_andnot_si128(mask, x); }
/// `x` where the mask is set, else `y`.
inline V select(V mask, V x, V y) { return _mm_blendv_epi8(y, x, mask); }

inline V add8(V x, V y) { return _mm_add_epi8(x, y); }
inline V add16(V x, V y) { return _mm_add_epi16(x, y); }
inline V add64(V x, V y) { return _mm_add_epi64(x, y); }
inline V subtract8(V x, V y) { return _mm_sub_epi8(x, y); }
inline V subtract16(V x, V y) { return _mm_sub_epi16(x, y); }
inline V min8(V x, V y) { return _mm_min_epu8(x, y); }
inline V min16(V x, V y) { return _mm_min_epu16(x, y); }
inline V equal8(V x, V y) { return _mm_cmpeq_epi8(x, y); }
inline V equal16(V x, V y) { return _mm_cmpeq_epi16(x, y); }
/// Of words below 0x8000.
inline V greater16(V x, V y) { return _mm_cmpgt_epi16(x, y); }
/// Bytes of 128 and more.
inline V has_top_bit(V x) { return _mm_cmpgt_epi8(_mm_setzero_si128(), x); }

template <int by>
V left16(V x) {
    return _mm_slli_epi16(x, by);
}
template <int by>
V right16(V x) {
    return _mm_srli_epi16(x, by);
}
inline V left16(V x, unsigned by) { return _mm_sll_epi16(x, _mm_cvtsi32_si128(static_cast<int>(by))); }
inline V right16(V x, unsigned by) { return _mm_srl_epi16(x, _mm_cvtsi32_si128(static_cast<int>(by))); }
template <int by>
V left64(V x) {
    return _mm_slli_epi64(x, by);
}
template <int by>
V right64(V x) {
    return _mm_srli_epi64(x, by);
}
/// Byte i to place i + by; zeros come in.
template <int by>
V up(V x) {
    return _mm_slli_si128(x, by);
}

/// Products of the lower halves of the quadwords.
inline V multiply64(V x, V y) { return _mm_mul_epu32(x, y); }

inline V even_bytes(V x, V y) {
    const V mask = _mm_set1_epi16(0xff);
    return _mm_packus_epi16(_mm_and_si128(x, mask), _mm_and_si128(y, mask));
}
inline V odd_bytes(V x, V y) { return _mm_packus_epi16(_mm_srli_epi16(x, 8), _mm_srli_epi16(y, 8)); }
inline V even_words(V x, V y) {
    const V mask = _mm_set1_epi32(0xffff);
    return _mm_packus_epi32(_mm_and_si128(x, mask), _mm_and_si128(y, mask));
}
inline V odd_words(V x, V y) { return _mm_packus_epi32(_mm_srli_epi32(x, 16), _mm_srli_epi32(y, 16)); }
inline V interleave_low8(V x, V y) { return _mm_unpacklo_epi8(x, y); }
inline V interleave_high8(V x, V y) { return _mm_unpackhi_epi8(x, y); }
inline V interleave_low16(V x, V y) { return _mm_unpacklo_epi16(x, y); }
inline V interleave_high16(V x, V y) { return _mm_unpackhi_epi16(x, y); }
inline V swap_halves(V x) { return _mm_shuffle_epi32(x, 0x4E); }

/// Bytes of `table` by place; 0 for places of 128 and more. None is from 16 to 127.
inline V look_up(V table, V places) { return _mm_shuffle_epi8(table, places); }

/// The top bit of each byte.
inline unsigned top_bits(V x) { return static_cast<unsigned>(_mm_movemask_epi8(x)); }
inline bool any(V mask) { return _mm_movemask_epi8(mask) != 0; }
inline unsigned last8(V x) { return static_cast<unsigned>(_mm_extract_epi8(x, 15)); }

/// A table of 32 bytes, for indices below 32.
class Table32 {
  public:
    explicit Table32(const std::uint8_t* table) : low_(load(table)), high_(load(table + 16)) {}

    V look_up(V index) const {
        return _mm_blendv_epi8(_mm_shuffle_epi8(low_, index), _mm_shuffle_epi8(high_, index),
                               _mm_slli_epi16(index, 3));
    }

  private:
    V low_, high_;
};

/// A table of 256 bytes as sixteen shuffles.
class Table256 {
  public:
    explicit Table256(const std::uint8_t* table) {
        for (std::size_t i = 0; i < 16; ++i) parts_[i] = load(table + 16 * i);
    }

    V look_up(V index) const {
        const V low = half(index, 0);
        if (_mm_movemask_epi8(index) == 0) return low;  // ranks are seldom above 127
        return _mm_or_si128(low, half(_mm_xor_si128(index, _mm_set1_epi8(-128)), 8));
    }

  private:
    V half(V index, std::size_t first) const {
        // Indices outside of a part get bit 7 set, for which the shuffle gives 0.
        const V beyond = _mm_set1_epi8(0x70), part_size = _mm_set1_epi8(16);
        V found = _mm_setzero_si128();
        for (std::size_t i = 0; i < 8; ++i) {
            found = _mm_or_si128(found, _mm_shuffle_epi8(parts_[first + i], _mm_adds_epu8(index, beyond)));
            index = _mm_sub_epi8(index, part_size);
        }
        return found;
    }

    V parts_[16];
};

}  // namespace zipnn::ZIPNN_TARGET::v128
