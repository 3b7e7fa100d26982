// SPDX-License-Identifier: MIT

/// 128-bit steps of the rank kernels (see vectors/ranks.hpp).
namespace zipnn::ZIPNN_TARGET::v128 {

struct Ranks128 {
    static constexpr std::size_t bytes = 16;
    using ByteTable = Table256;

    static V load(const std::uint8_t* source) { return v128::load(source); }
    static void store(std::uint8_t* target, V x) { v128::store(target, x); }
    static V ones(unsigned bits) { return fill8((1U << bits) - 1); }

    static void split_rank(V rank, unsigned extra_bits, unsigned shift, std::uint8_t* groups,
                           std::uint8_t* extra) {
        store(groups, both(right16(rank, extra_bits), ones(8 - extra_bits)));
        const V low = left16(both(rank, ones(extra_bits)), shift);
        store(extra, either(both(load(extra), ones(shift)), low));
    }

    static V join_rank(const std::uint8_t* groups, const std::uint8_t* extra, unsigned extra_bits,
                       unsigned shift) {
        const V low = both(right16(load(extra), shift), ones(extra_bits));
        return either(low, without(left16(load(groups), extra_bits), ones(extra_bits)));
    }

    template <unsigned bits>
    static void pack_block(const std::uint8_t* values, std::uint8_t* packed) {
        if constexpr (bits == 1) {
            pack_bit<0>(values, packed);
        } else if constexpr (bits >= 4) {
            for (std::size_t i = 0; i < 64; i += 16) {
                const V high = left16<4>(both(load(values + 64 + i), ones(4)));
                store(packed + i, either(both(load(values + i), ones(4)), high));
            }
            if constexpr (bits == 5) pack_bit<4>(values, packed + 64);
        } else {
            for (std::size_t half = 0; half < 32; half += 16) {
                V codes = fill8(0);
                for (std::size_t i = 4; i-- > 0;)
                    codes = either(left16<2>(codes), both(load(values + 32 * i + half), ones(2)));
                store(packed + half, codes);
            }
            if constexpr (bits == 3) pack_bit<2>(values, packed + 32);
        }
    }

    template <unsigned bits>
    static void unpack_block(const std::uint8_t* packed, std::uint8_t* values) {
        if constexpr (bits == 1) {
            for (std::size_t i = 0; i < 8; ++i) store(values + 16 * i, bit_at<0>(packed + 2 * i));
        } else if constexpr (bits >= 4) {
            for (std::size_t i = 0; i < 64; i += 16) {
                const V pair = load(packed + i);
                V low = both(pair, ones(4)), high = both(right16<4>(pair), ones(4));
                if constexpr (bits == 5) {
                    low = either(low, bit_at<4>(packed + 64 + i / 8));
                    high = either(high, bit_at<4>(packed + 72 + i / 8));
                }
                store(values + i, low);
                store(values + 64 + i, high);
            }
        } else {
            for (std::size_t half = 0; half < 2; ++half) {
                V codes = load(packed + 16 * half);
                for (std::size_t i = 0; i < 4; ++i, codes = right16<2>(codes)) {
                    V value = both(codes, ones(2));
                    if constexpr (bits == 3) value = either(value, bit_at<2>(packed + 32 + 4 * i + 2 * half));
                    store(values + 32 * i + 16 * half, value);
                }
            }
        }
    }

  private:
    template <unsigned bit>
    static void pack_bit(const std::uint8_t* values, std::uint8_t* packed) {
        for (std::size_t i = 0; i < 8; ++i)
            store_le(packed + 2 * i,
                     static_cast<std::uint16_t>(top_bits(left16<7 - bit>(load(values + 16 * i)))));
    }

    /// 16 bits as bytes of 0 or `1 << bit`.
    template <unsigned bit>
    static V bit_at(const std::uint8_t* packed) {
        const V word = fill16(load_le<std::uint16_t>(packed));
        const V bits = fill64(0x8040201008040201);
        const V spread = both(look_up(word, from_halves(0, 0x0101010101010101)), bits);
        return both(equal8(spread, bits), fill8(1U << bit));
    }
};

}  // namespace zipnn::ZIPNN_TARGET::v128
