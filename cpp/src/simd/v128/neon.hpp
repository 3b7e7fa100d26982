// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::v128 {

/// A table of 256 bytes as four look-ups of 64.
class NeonTable {
  public:
    explicit NeonTable(const std::uint8_t* table)
        : parts_{vld1q_u8_x4(table), vld1q_u8_x4(table + 64), vld1q_u8_x4(table + 128),
                 vld1q_u8_x4(table + 192)} {}

    uint8x16_t look_up(uint8x16_t index) const {
        // Indices outside of a part leave what is there.
        uint8x16_t found = vqtbl4q_u8(parts_[0], index);
        found = vqtbx4q_u8(found, parts_[1], vsubq_u8(index, vdupq_n_u8(64)));
        found = vqtbx4q_u8(found, parts_[2], vsubq_u8(index, vdupq_n_u8(128)));
        return vqtbx4q_u8(found, parts_[3], vsubq_u8(index, vdupq_n_u8(192)));
    }

  private:
    uint8x16x4_t parts_[4];
};

/// Vectors of 16 bytes, as every AArch64 processor has them: the operations of Sse (sse.hpp).
struct Neon {
    using Value = uint8x16_t;
    using Narrow = Neon;
    using ByteTable = NeonTable;
    static constexpr std::size_t bytes = 16;

    static Value load(const std::uint8_t* source) { return vld1q_u8(source); }
    static void store(std::uint8_t* target, Value value) { vst1q_u8(target, value); }
    static Value load_low8(const std::uint8_t* source) { return vcombine_u8(vld1_u8(source), vdup_n_u8(0)); }
    static void store_low8(std::uint8_t* target, Value value) { vst1_u8(target, vget_low_u8(value)); }
    static Value repeat(const std::uint8_t* source) { return load(source); }
    static Value set8(unsigned value) { return vdupq_n_u8(static_cast<std::uint8_t>(value)); }
    static Value set16(unsigned value) { return of(vdupq_n_u16(static_cast<std::uint16_t>(value))); }
    static Value set64(std::uint64_t value) { return of(vdupq_n_u64(value)); }
    template <std::size_t>
    static Narrow::Value part(Value value) {
        return value;
    }

    static Value both(Value a, Value b) { return vandq_u8(a, b); }
    static Value either(Value a, Value b) { return vorrq_u8(a, b); }
    static Value differ(Value a, Value b) { return veorq_u8(a, b); }
    static Value without(Value a, Value b) { return vbicq_u8(a, b); }
    static Value select(Value mask, Value a, Value b) { return vbslq_u8(mask, a, b); }
    static bool any(Value value) { return vmaxvq_u8(value) != 0; }

    static Value add8(Value a, Value b) { return vaddq_u8(a, b); }
    static Value sub8(Value a, Value b) { return vsubq_u8(a, b); }
    static Value min8(Value a, Value b) { return vminq_u8(a, b); }
    static Value equal8(Value a, Value b) { return vceqq_u8(a, b); }
    static Value add16(Value a, Value b) { return of(vaddq_u16(as16(a), as16(b))); }
    static Value sub16(Value a, Value b) { return of(vsubq_u16(as16(a), as16(b))); }
    static Value min16(Value a, Value b) { return of(vminq_u16(as16(a), as16(b))); }
    static Value equal16(Value a, Value b) { return of(vceqq_u16(as16(a), as16(b))); }
    static Value add64(Value a, Value b) { return of(vaddq_u64(as64(a), as64(b))); }
    static Value sub64(Value a, Value b) { return of(vsubq_u64(as64(a), as64(b))); }
    static Value multiply32(Value a, Value b) {
        return of(vmull_u32(vmovn_u64(as64(a)), vmovn_u64(as64(b))));
    }
    static Value swap64(Value value) { return vextq_u8(value, value, 8); }
    static Value sign16(Value value) { return of(vshrq_n_s16(vreinterpretq_s16_u8(value), 15)); }
    static Value sign32(Value value) { return of(vshrq_n_s32(vreinterpretq_s32_u8(value), 31)); }
    static Value sign64(Value value) { return of(vshrq_n_s64(vreinterpretq_s64_u8(value), 63)); }

    template <int n>
    static Value shl16(Value value) {
        return of(vshlq_n_u16(as16(value), n));
    }
    template <int n>
    static Value shr16(Value value) {
        return of(vshrq_n_u16(as16(value), n));
    }
    static Value shl16_by(Value value, unsigned n) { return shift16(value, static_cast<int>(n)); }
    static Value shr16_by(Value value, unsigned n) { return shift16(value, -static_cast<int>(n)); }
    template <int n>
    static Value shl32(Value value) {
        return of(vshlq_n_u32(as32(value), n));
    }
    template <int n>
    static Value shr32(Value value) {
        return of(vshrq_n_u32(as32(value), n));
    }
    template <int n>
    static Value shl64(Value value) {
        return of(vshlq_n_u64(as64(value), n));
    }
    template <int n>
    static Value shr64(Value value) {
        return of(vshrq_n_u64(as64(value), n));
    }

    static Value shuffle(Value table, Value index) { return vqtbl1q_u8(table, index); }
    static Value shuffle32(Value low, Value high, Value index) {
        return vqtbl2q_u8(uint8x16x2_t{{low, high}}, index);
    }
    template <int n>
    static Value shift_up(Value value) {
        return vextq_u8(vdupq_n_u8(0), value, 16 - n);
    }

    template <int bit>
    static unsigned bits(Value value) {
        Value sum = vandq_u8(vtstq_u8(value, vdupq_n_u8(1U << bit)), set64(bit_of_byte));
        // Sums of neighbours, thrice: a byte for each eight.
        for (int i = 0; i < 3; ++i) sum = vpaddq_u8(sum, sum);
        return vgetq_lane_u16(as16(sum), 0);
    }
    static void store_bits(std::uint8_t* target, unsigned bits) {
        store_le(target, static_cast<std::uint16_t>(bits));
    }
    static Value load_bits(const std::uint8_t* source) {
        return vtstq_u8(vcombine_u8(vdup_n_u8(source[0]), vdup_n_u8(source[1])), set64(bit_of_byte));
    }
    static Value load_next(const std::uint8_t*& next, Value mask) {
        const Value value = load(next);
        next += vaddvq_u8(vshrq_n_u8(mask, 7));
        return value;
    }

    template <std::size_t width>
    static Value upper_halves(Value a, Value b) {
        if constexpr (width == 2) return vuzp2q_u8(a, b);
        if constexpr (width == 4) return of(vuzp2q_u16(as16(a), as16(b)));
        if constexpr (width == 8) return of(vuzp2q_u32(as32(a), as32(b)));
    }
    template <std::size_t width>
    static Value lower_halves(Value a, Value b) {
        if constexpr (width == 2) return vuzp1q_u8(a, b);
        if constexpr (width == 4) return of(vuzp1q_u16(as16(a), as16(b)));
        if constexpr (width == 8) return of(vuzp1q_u32(as32(a), as32(b)));
    }
    template <std::size_t width>
    static void join_halves(Value upper, Value lower, Value& a, Value& b) {
        if constexpr (width == 2) a = vzip1q_u8(lower, upper), b = vzip2q_u8(lower, upper);
        if constexpr (width == 4) {
            a = of(vzip1q_u16(as16(lower), as16(upper)));
            b = of(vzip2q_u16(as16(lower), as16(upper)));
        }
        if constexpr (width == 8) {
            a = of(vzip1q_u32(as32(lower), as32(upper)));
            b = of(vzip2q_u32(as32(lower), as32(upper)));
        }
    }

  private:
    static constexpr std::uint64_t bit_of_byte = 0x8040201008040201;

    static uint16x8_t as16(Value value) { return vreinterpretq_u16_u8(value); }
    static uint32x4_t as32(Value value) { return vreinterpretq_u32_u8(value); }
    static uint64x2_t as64(Value value) { return vreinterpretq_u64_u8(value); }
    static Value of(uint16x8_t value) { return vreinterpretq_u8_u16(value); }
    static Value of(uint32x4_t value) { return vreinterpretq_u8_u32(value); }
    static Value of(uint64x2_t value) { return vreinterpretq_u8_u64(value); }
    static Value of(int16x8_t value) { return vreinterpretq_u8_s16(value); }
    static Value of(int32x4_t value) { return vreinterpretq_u8_s32(value); }
    static Value of(int64x2_t value) { return vreinterpretq_u8_s64(value); }

    /// To the left; to the right by negative numbers.
    static Value shift16(Value value, int n) {
        return of(vshlq_u16(as16(value), vdupq_n_s16(static_cast<std::int16_t>(n))));
    }
};

}  // namespace zipnn::ZIPNN_TARGET::v128
