// SPDX-License-Identifier: MIT

/// Ranks of symbols, and the packing of their extra bits, in portable C++.
namespace zipnn::ZIPNN_TARGET {

inline void rank(const Ranking& ranking, unsigned shift, const std::uint8_t* symbols, std::size_t n,
                 std::uint8_t* groups, std::uint8_t* extra) {
    const unsigned below = (1U << shift) - 1, mask = (1U << ranking.extra_bits) - 1;
    for (std::size_t i = 0; i < n; ++i) {
        const unsigned r = ranking.rank[symbols[i]];
        groups[i] = static_cast<std::uint8_t>(r >> ranking.extra_bits);
        extra[i] = static_cast<std::uint8_t>((extra[i] & below) | (r & mask) << shift);
    }
}

inline void unrank(const Ranking& ranking, unsigned shift, const std::uint8_t* groups,
                   const std::uint8_t* extra, std::size_t n, std::uint8_t* symbols) {
    const unsigned mask = (1U << ranking.extra_bits) - 1;
    for (std::size_t i = 0; i < n; ++i) {
        const unsigned r =
            static_cast<unsigned>(groups[i]) << ranking.extra_bits | (extra[i] >> shift & mask);
        symbols[i] = ranking.symbols[r & 0xff];
    }
}

constexpr std::size_t packed_block = 128;

/// `parts` values a byte, of `8 / parts` bits each: value `stride * i + j` in part i of byte j.
template <std::size_t parts>
void pack_parts(const std::uint8_t* values, std::uint8_t* packed) {
    constexpr std::size_t stride = packed_block / parts;
    constexpr unsigned width = 8 / parts, mask = (1U << width) - 1;
    std::array<std::uint8_t, stride> bytes{};
    for (std::size_t i = 0; i < parts; ++i)
        for (std::size_t j = 0; j < stride; ++j)
            bytes[j] = static_cast<std::uint8_t>(bytes[j] | (values[stride * i + j] & mask) << (width * i));
    std::ranges::copy(bytes, packed);
}

template <std::size_t parts>
void unpack_parts(const std::uint8_t* packed, std::uint8_t* values) {
    constexpr std::size_t stride = packed_block / parts;
    constexpr unsigned width = 8 / parts, mask = (1U << width) - 1;
    for (std::size_t i = 0; i < parts; ++i)
        for (std::size_t j = 0; j < stride; ++j)
            values[stride * i + j] = static_cast<std::uint8_t>(packed[j] >> (width * i) & mask);
}

/// Bit `bit` of each value: value i in bit i mod 8 of byte i / 8.
inline void pack_bit(unsigned bit, const std::uint8_t* values, std::uint8_t* packed) {
    for (std::size_t byte = 0; byte < packed_block / 8; ++byte) {
        unsigned bits = 0;
        for (std::size_t i = 0; i < 8; ++i) bits |= (values[8 * byte + i] >> bit & 1U) << i;
        packed[byte] = static_cast<std::uint8_t>(bits);
    }
}

/// The inverse; the bit is added to values that are there.
inline void add_bit(unsigned bit, const std::uint8_t* packed, std::uint8_t* values) {
    for (std::size_t i = 0; i < packed_block; ++i)
        values[i] = static_cast<std::uint8_t>(values[i] | (packed[i / 8] >> i % 8 & 1U) << bit);
}

inline void pack(unsigned bits, const std::uint8_t* values, std::size_t n, std::uint8_t* packed) {
    for (; n >= packed_block; n -= packed_block, values += packed_block, packed += 16 * bits) {
        switch (bits) {
            case 1: pack_bit(0, values, packed); break;
            case 2: pack_parts<4>(values, packed); break;
            case 3:
                pack_parts<4>(values, packed);
                pack_bit(2, values, packed + 32);
                break;
            default:
                pack_parts<2>(values, packed);
                if (bits == 5) pack_bit(4, values, packed + 64);
        }
    }
    const unsigned mask = (1U << bits) - 1;
    for (std::size_t i = 0; i < n; ++i) packed[i] = static_cast<std::uint8_t>(values[i] & mask);
}

inline void unpack(unsigned bits, const std::uint8_t* packed, std::size_t n, std::uint8_t* values) {
    for (; n >= packed_block; n -= packed_block, values += packed_block, packed += 16 * bits) {
        switch (bits) {
            case 1:
                std::fill_n(values, packed_block, std::uint8_t{0});
                add_bit(0, packed, values);
                break;
            case 2: unpack_parts<4>(packed, values); break;
            case 3:
                unpack_parts<4>(packed, values);
                add_bit(2, packed + 32, values);
                break;
            default:
                unpack_parts<2>(packed, values);
                if (bits == 5) add_bit(4, packed + 64, values);
        }
    }
    const unsigned mask = (1U << bits) - 1;
    for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<std::uint8_t>(packed[i] & mask);
}

/// A set's own unrank and merge, one after the other.
template <auto unpack, auto unrank, auto merge>
void merge_ranked_by(LayoutId layout, std::uint16_t base, const Ranking& ranking, bool paired,
                     const std::uint8_t* extra, const std::uint8_t* const* planes, std::size_t n,
                     std::uint8_t* elements) {
    std::array<std::uint8_t, tile_elements> symbols, unpacked;
    const unsigned bits = ranking.extra_bits;
    if (paired) unpack(4, planes[0], n, symbols.data());
    if (extra != nullptr) unpack(bits, extra, n, unpacked.data());
    unrank(ranking, extra != nullptr ? 0 : 8 - bits, paired ? symbols.data() : planes[0],
           extra != nullptr ? unpacked.data() : planes[1], n, symbols.data());
    std::array<const std::uint8_t*, max_planes> merged{symbols.data()};
    for (std::size_t p = 1; p < layout_of(layout).planes; ++p) merged[p] = planes[p];
    merge(layout, base, merged.data(), n, elements);
}

}  // namespace zipnn::ZIPNN_TARGET
