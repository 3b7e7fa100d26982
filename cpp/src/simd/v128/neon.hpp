// SPDX-License-Identifier: MIT

/// Sixteen bytes as NEON has them; the names are those of sse.hpp.
namespace zipnn::ZIPNN_TARGET::v128 {

using V = uint8x16_t;

inline uint16x8_t words(V x) { return vreinterpretq_u16_u8(x); }
inline uint64x2_t quads(V x) { return vreinterpretq_u64_u8(x); }
inline V bytes(uint16x8_t x) { return vreinterpretq_u8_u16(x); }
inline V bytes(uint64x2_t x) { return vreinterpretq_u8_u64(x); }

inline V load(const std::uint8_t* source) { return vld1q_u8(source); }
inline void store(std::uint8_t* target, V x) { vst1q_u8(target, x); }
inline void store_half(std::uint8_t* target, V x) { vst1_u8(target, vget_low_u8(x)); }

inline V fill8(unsigned value) { return vdupq_n_u8(static_cast<std::uint8_t>(value)); }
inline V fill16(unsigned value) { return bytes(vdupq_n_u16(static_cast<std::uint16_t>(value))); }
inline V fill64(std::uint64_t value) { return bytes(vdupq_n_u64(value)); }
inline V from_halves(std::uint64_t low, std::uint64_t high) {
    return vcombine_u8(vcreate_u8(low), vcreate_u8(high));
}

inline V both(V x, V y) { return vandq_u8(x, y); }
inline V either(V x, V y) { return vorrq_u8(x, y); }
inline V differ(V x, V y) { return veorq_u8(x, y); }
inline V without(V x, V mask) { return vbicq_u8(x, mask); }
inline V select(V mask, V x, V y) { return vbslq_u8(mask, x, y); }

inline V add8(V x, V y) { return vaddq_u8(x, y); }
inline V add16(V x, V y) { return bytes(vaddq_u16(words(x), words(y))); }
inline V add64(V x, V y) { return bytes(vaddq_u64(quads(x), quads(y))); }
inline V subtract8(V x, V y) { return vsubq_u8(x, y); }
inline V subtract16(V x, V y) { return bytes(vsubq_u16(words(x), words(y))); }
inline V min8(V x, V y) { return vminq_u8(x, y); }
inline V min16(V x, V y) { return bytes(vminq_u16(words(x), words(y))); }
inline V equal8(V x, V y) { return vceqq_u8(x, y); }
inline V equal16(V x, V y) { return bytes(vceqq_u16(words(x), words(y))); }
inline V greater16(V x, V y) { return bytes(vcgtq_u16(words(x), words(y))); }
inline V has_top_bit(V x) { return vcltzq_s8(vreinterpretq_s8_u8(x)); }

template <int by>
V left16(V x) {
    return bytes(vshlq_n_u16(words(x), by));
}
template <int by>
V right16(V x) {
    return bytes(vshrq_n_u16(words(x), by));
}
inline V left16(V x, unsigned by) {
    return bytes(vshlq_u16(words(x), vdupq_n_s16(static_cast<std::int16_t>(by))));
}
inline V right16(V x, unsigned by) {
    return bytes(vshlq_u16(words(x), vdupq_n_s16(static_cast<std::int16_t>(-static_cast<int>(by)))));
}
template <int by>
V left64(V x) {
    return bytes(vshlq_n_u64(quads(x), by));
}
template <int by>
V right64(V x) {
    return bytes(vshrq_n_u64(quads(x), by));
}
template <int by>
V up(V x) {
    return vextq_u8(vdupq_n_u8(0), x, 16 - by);
}

inline V multiply64(V x, V y) { return bytes(vmull_u32(vmovn_u64(quads(x)), vmovn_u64(quads(y)))); }

inline V even_bytes(V x, V y) { return vuzp1q_u8(x, y); }
inline V odd_bytes(V x, V y) { return vuzp2q_u8(x, y); }
inline V even_words(V x, V y) { return bytes(vuzp1q_u16(words(x), words(y))); }
inline V odd_words(V x, V y) { return bytes(vuzp2q_u16(words(x), words(y))); }
inline V interleave_low8(V x, V y) { return vzip1q_u8(x, y); }
inline V interleave_high8(V x, V y) { return vzip2q_u8(x, y); }
inline V interleave_low16(V x, V y) { return bytes(vzip1q_u16(words(x), words(y))); }
inline V interleave_high16(V x, V y) { return bytes(vzip2q_u16(words(x), words(y))); }
inline V swap_halves(V x) { return vextq_u8(x, x, 8); }

inline V look_up(V table, V places) { return vqtbl1q_u8(table, places); }

inline unsigned top_bits(V x) {
    const int8x16_t places = vreinterpretq_s8_u8(from_halves(0x0706050403020100, 0x0706050403020100));
    const V bits = vshlq_u8(vshrq_n_u8(x, 7), places);
    return vaddv_u8(vget_low_u8(bits)) | static_cast<unsigned>(vaddv_u8(vget_high_u8(bits))) << 8;
}
inline bool any(V mask) { return vmaxvq_u8(mask) != 0; }
inline unsigned last8(V x) { return vgetq_lane_u8(x, 15); }

class Table32 {
  public:
    explicit Table32(const std::uint8_t* table) : parts_{{load(table), load(table + 16)}} {}

    V look_up(V index) const { return vqtbl2q_u8(parts_, index); }

  private:
    uint8x16x2_t parts_;
};

/// A table of 256 bytes in four look-ups of 64.
class Table256 {
  public:
    explicit Table256(const std::uint8_t* table) {
        for (std::size_t i = 0; i < 4; ++i) {
            const std::uint8_t* part = table + 64 * i;
            parts_[i] = {{load(part), load(part + 16), load(part + 32), load(part + 48)}};
        }
    }

    V look_up(V index) const {
        // An index outside of a part leaves what is there.
        V found = vqtbl4q_u8(parts_[0], index);
        for (std::size_t i = 1; i < 4; ++i) {
            index = vsubq_u8(index, vdupq_n_u8(64));
            found = vqtbx4q_u8(found, parts_[i], index);
        }
        return found;
    }

  private:
    uint8x16x4_t parts_[4];
};

}  // namespace zipnn::ZIPNN_TARGET::v128
