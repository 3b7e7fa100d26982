// SPDX-License-Identifier: MIT

/// Layered kernels in portable C++.
namespace zipnn::ZIPNN_TARGET {

constexpr std::size_t block = 128;
using Codes = std::array<std::uint8_t, block>;

/// The 2-bit codes of the next `n` <= 128 elements, one a byte.
inline void unpack2(const std::uint8_t* packed, std::size_t n, Codes& codes) {
    if (n == block) {
        for (std::size_t i = 0; i < 4; ++i)
            for (std::size_t j = 0; j < 32; ++j) codes[32 * i + j] = packed[j] >> (2 * i) & 3;
    } else {
        for (std::size_t i = 0; i < n; ++i) codes[i] = packed[i / 4] >> (i % 4 * 2) & 3;
    }
}

/// The inverse of unpack2. Returns behind what it wrote.
inline std::uint8_t* pack2(const Codes& codes, std::size_t n, std::uint8_t* packed) {
    std::fill_n(packed, codes2_size(n), std::uint8_t{0});
    if (n == block) {
        for (std::size_t i = 0; i < 4; ++i)
            for (std::size_t j = 0; j < 32; ++j)
                packed[j] = static_cast<std::uint8_t>(packed[j] | codes[32 * i + j] << (2 * i));
    } else {
        for (std::size_t i = 0; i < n; ++i)
            packed[i / 4] = static_cast<std::uint8_t>(packed[i / 4] | codes[i] << (i % 4 * 2));
    }
    return packed + codes2_size(n);
}

/// The number of 3s among the 2-bit codes of `n` elements; unused bits are not looked at.
inline std::size_t count_threes(const std::uint8_t* codes, std::size_t n) {
    const auto in_byte = [](unsigned byte) {
        return static_cast<std::size_t>(std::popcount(byte & byte >> 1 & 0x55U));
    };
    const std::size_t whole = n / 4;
    constexpr std::uint64_t low_bits = 0x5555555555555555U;
    std::size_t threes = 0, i = 0;
    for (; i + 8 <= whole; i += 8) {
        const auto word = load_le<std::uint64_t>(codes + i);
        threes += static_cast<std::size_t>(std::popcount(word & word >> 1 & low_bits));
    }
    for (; i < whole; ++i) threes += in_byte(codes[i]);
    if (n % 4 != 0) threes += in_byte(codes[whole] & ((1U << n % 4 * 2) - 1));
    return threes;
}

/// Symbols of one level: `escaped` holds those of the elements with code 3, in order.
inline void decode_level(const std::uint8_t* packed, std::size_t n, const std::uint8_t* symbols,
                         const std::uint8_t* escaped, std::uint8_t* out) {
    std::array<std::uint8_t, 4> by_code = {symbols[0], symbols[1], symbols[2], 0};
    Codes codes;
    for (std::size_t first = 0; first < n; first += block) {
        const std::size_t count = std::min(block, n - first);
        unpack2(packed + first / 4, count, codes);
        for (std::size_t i = 0; i < count; ++i) {
            by_code[3] = *escaped;
            out[first + i] = by_code[codes[i]];
            escaped += codes[i] == 3;
        }
    }
}

/// Where the levels of a payload lie (bottom up: D, C, B, A) and how many elements each codes.
struct LayeredSections {
    const std::uint8_t *a, *b, *c, *d;
    std::size_t n_b, n_c, n_d;
};

/// The sizes follow from counting 3s, top down. False if they do not add up to the payload.
template <typename Count>
bool find_sections(const TileIn& tile, LayeredSections& sections, Count count) {
    const std::size_t n = tile.elements, size_a = codes2_size(n);
    if (size_a > tile.size) return false;
    sections.a = tile.source + tile.size - size_a;
    sections.n_b = count(sections.a, n);
    const std::size_t size_b = codes2_size(sections.n_b);
    if (sections.n_b > n || size_b > static_cast<std::size_t>(sections.a - tile.source)) return false;
    sections.b = sections.a - size_b;
    sections.n_c = count(sections.b, sections.n_b);
    const std::size_t size_c = codes2_size(sections.n_c);
    if (sections.n_c > sections.n_b || size_c > static_cast<std::size_t>(sections.b - tile.source))
        return false;
    sections.c = sections.b - size_c;
    sections.n_d = count(sections.c, sections.n_c);
    sections.d = tile.source;
    return sections.n_d <= sections.n_c &&
           (sections.n_d + 1) / 2 == static_cast<std::size_t>(sections.c - sections.d);
}

/// What the codes of level D stand for: code 15 for nothing.
inline std::array<std::uint8_t, 16> level_d_symbols(const LayeredTable& table) {
    std::array<std::uint8_t, 16> by_code{};
    std::copy_n(table.symbols.data() + 9, 15, by_code.data());
    return by_code;
}

inline void decode_level_d(const std::uint8_t* packed, std::size_t n, const std::uint8_t* by_code,
                           std::uint8_t* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = by_code[packed[i / 2] >> (i % 2 * 4) & 0xf];
}

inline bool layered_decode(const LayeredTable& table, const TileIn& tile) {
    LayeredSections sections;
    if (!find_sections(tile, sections, count_threes)) return false;
    std::array<std::uint8_t, tile_elements + 1> level_d, level_c, level_b;
    const std::uint8_t* symbols = table.symbols.data();
    decode_level_d(sections.d, sections.n_d, level_d_symbols(table).data(), level_d.data());
    // Read, not used, behind the last escaped element.
    level_d[sections.n_d] = level_c[sections.n_c] = level_b[sections.n_b] = 0;
    decode_level(sections.c, sections.n_c, symbols + 6, level_d.data(), level_c.data());
    decode_level(sections.b, sections.n_b, symbols + 3, level_c.data(), level_b.data());
    decode_level(sections.a, tile.elements, symbols, level_b.data(), tile.target);
    return true;
}

/// Codes of one level; ranks of 3 and more go on, less 3, to `escaped`. Returns how many.
inline std::size_t encode_level(const std::uint8_t* ranks, std::size_t n, std::uint8_t* packed,
                                std::uint8_t* escaped) {
    Codes codes;
    std::size_t count = 0;
    for (std::size_t first = 0; first < n; first += block) {
        const std::size_t size = std::min(block, n - first);
        for (std::size_t i = 0; i < size; ++i) codes[i] = std::min<std::uint8_t>(ranks[first + i], 3);
        packed = pack2(codes, size, packed);
        for (std::size_t i = 0; i < size; ++i) {
            escaped[count] = static_cast<std::uint8_t>(ranks[first + i] - 3U);
            count += codes[i] == 3;
        }
    }
    return count;
}

/// 4-bit codes of level D. Returns behind them.
inline std::uint8_t* encode_level_d(const std::uint8_t* ranks, std::size_t n, std::uint8_t* out) {
    for (std::size_t i = 0; i < n; i += 2)
        *out++ = static_cast<std::uint8_t>(ranks[i] | (i + 1 < n ? ranks[i + 1] << 4 : 0));
    return out;
}

/// Puts the levels above D behind it.
inline std::uint8_t* join_levels(Bytes c, Bytes b, Bytes a, std::uint8_t* out) {
    for (const Bytes level : {c, b, a}) out = std::copy_n(level.data(), level.size(), out);
    return out;
}

inline std::size_t layered_encode(const LayeredTable& table, const std::uint8_t* symbols, std::size_t n,
                                  std::uint8_t* target, UnseenMap& unseen) {
    std::array<std::uint8_t, tile_elements + 1> ranks_a, ranks_b, ranks_c, ranks_d;
    std::array<std::uint8_t, tile_elements / 4 + 32> a, b, c;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint8_t rank = table.rank[symbols[i]];
        add_unseen(unseen, i, rank == LayeredTable::unseen ? 1 : 0);
        ranks_a[i] = rank == LayeredTable::unseen ? std::uint8_t{0} : rank;
    }
    const std::size_t n_b = encode_level(ranks_a.data(), n, a.data(), ranks_b.data());
    const std::size_t n_c = encode_level(ranks_b.data(), n_b, b.data(), ranks_c.data());
    const std::size_t n_d = encode_level(ranks_c.data(), n_c, c.data(), ranks_d.data());
    const std::uint8_t* out =
        join_levels(Bytes(c).first(codes2_size(n_c)), Bytes(b).first(codes2_size(n_b)),
                    Bytes(a).first(codes2_size(n)), encode_level_d(ranks_d.data(), n_d, target));
    return static_cast<std::size_t>(out - target);
}

}  // namespace zipnn::ZIPNN_TARGET
