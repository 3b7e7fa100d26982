// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::vectors {

/// Steps of the rank kernels (ranks.hpp).
template <typename V>
struct RankSteps {
    using ByteTable = typename V::ByteTable;
    using Value = typename V::Value;
    static constexpr std::size_t bytes = V::bytes;

    static Value load(const std::uint8_t* source) { return V::load(source); }
    static void store(std::uint8_t* target, Value value) { V::store(target, value); }

    static void split_rank(Value rank, unsigned extra_bits, unsigned shift, std::uint8_t* groups,
                           std::uint8_t* extra) {
        V::store(groups, V::both(V::shr16_by(rank, extra_bits), ones(8 - extra_bits)));
        const Value low = V::shl16_by(V::both(rank, ones(extra_bits)), shift);
        V::store(extra, V::either(V::both(V::load(extra), ones(shift)), low));
    }

    static Value join_rank(const std::uint8_t* groups, const std::uint8_t* extra, unsigned extra_bits,
                           unsigned shift) {
        const Value low = V::both(V::shr16_by(V::load(extra), shift), ones(extra_bits));
        const Value high = V::without(V::shl16_by(V::load(groups), extra_bits), ones(extra_bits));
        return V::either(high, low);
    }

    template <unsigned bits>
    static void pack_block(const std::uint8_t* values, std::uint8_t* packed) {
        if constexpr (bits == 1) {
            pack_bit<0>(values, packed);
        } else if constexpr (bits >= 4) {
            for (std::size_t i = 0; i < 64; i += bytes) {
                const Value low = V::both(V::load(values + i), ones(4));
                const Value high = V::both(V::load(values + 64 + i), ones(4));
                V::store(packed + i, V::either(low, V::template shl16<4>(high)));
            }
            if constexpr (bits == 5) pack_bit<4>(values, packed + 64);
        } else {
            for (std::size_t at = 0; at < 32; at += bytes) {
                Value codes = V::both(V::load(values + 96 + at), ones(2));
                for (std::size_t i = 96; i > 0; i -= 32)
                    codes = V::either(V::template shl16<2>(codes),
                                      V::both(V::load(values + i - 32 + at), ones(2)));
                V::store(packed + at, codes);
            }
            if constexpr (bits == 3) pack_bit<2>(values, packed + 32);
        }
    }

    template <unsigned bits>
    static void unpack_block(const std::uint8_t* packed, std::uint8_t* values) {
        if constexpr (bits == 1) {
            for (std::size_t i = 0; i < packed_block; i += bytes) V::store(values + i, bit_at<0>(packed, i));
        } else if constexpr (bits >= 4) {
            for (std::size_t i = 0; i < 64; i += bytes) {
                const Value codes = V::load(packed + i);
                Value low = V::both(codes, ones(4));
                Value high = V::both(V::template shr16<4>(codes), ones(4));
                if constexpr (bits == 5) {
                    low = V::either(low, bit_at<4>(packed + 64, i));
                    high = V::either(high, bit_at<4>(packed + 64, 64 + i));
                }
                V::store(values + i, low);
                V::store(values + 64 + i, high);
            }
        } else {
            for (std::size_t at = 0; at < 32; at += bytes) {
                Value codes = V::load(packed + at);
                for (std::size_t i = at; i < packed_block; i += 32, codes = V::template shr16<2>(codes)) {
                    Value value = V::both(codes, ones(2));
                    if constexpr (bits == 3) value = V::either(value, bit_at<2>(packed + 32, i));
                    V::store(values + i, value);
                }
            }
        }
    }

  private:
    static Value ones(unsigned bits) { return V::set8((1U << bits) - 1); }

    template <unsigned bit>
    static void pack_bit(const std::uint8_t* values, std::uint8_t* packed) {
        for (std::size_t i = 0; i < packed_block; i += bytes)
            V::store_bits(packed + i / 8, V::template bits<bit>(V::load(values + i)));
    }

    /// The bits from `first` on as bytes of 0 or `1 << bit`.
    template <unsigned bit>
    static Value bit_at(const std::uint8_t* packed, std::size_t first) {
        return V::both(V::load_bits(packed + first / 8), V::set8(1U << bit));
    }
};

}  // namespace zipnn::ZIPNN_TARGET::vectors
