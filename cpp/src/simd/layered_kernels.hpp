// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include "bytes.hpp"
#include "simd/kernels.hpp"

/// Layered kernels in portable C++.
namespace zipnn::scalar {

/// Place of element i of a run of 2-bit codes that is `n` long: byte and shift.
struct Code2Place {
    std::size_t byte;
    unsigned shift;
};

constexpr Code2Place code2_place(std::size_t i, std::size_t n) {
    const std::size_t block = i / 128, within = i % 128;
    if (block < n / 128) return {block * 32 + within % 32, static_cast<unsigned>(within / 32 * 2)};
    return {n / 128 * 32 + within / 4, static_cast<unsigned>(within % 4 * 2)};
}

/// The number of 3s among the 2-bit codes.
inline std::size_t count_threes(const std::uint8_t* codes, std::size_t size) {
    constexpr std::uint64_t low_bits = 0x5555555555555555U;
    std::size_t threes = 0, i = 0;
    for (; i + 8 <= size; i += 8) {
        const auto word = load_le<std::uint64_t>(codes + i);
        threes += static_cast<std::size_t>(std::popcount(word & word >> 1 & low_bits));
    }
    for (; i < size; ++i) threes += static_cast<std::size_t>(std::popcount(codes[i] & codes[i] / 2U & 0x55U));
    return threes;
}

/// Symbols of one level: `escaped` holds those of the elements with code 3, in order.
inline void decode_level(const std::uint8_t* codes, std::size_t n, const std::uint8_t* symbols,
                         const std::uint8_t* escaped, std::uint8_t* out) {
    for (std::size_t i = 0; i < n; ++i) {
        const Code2Place place = code2_place(i, n);
        const unsigned code = codes[place.byte] >> place.shift & 3U;
        out[i] = code < 3 ? symbols[code] : *escaped;
        escaped += code == 3;
    }
}

inline bool layered_decode(const LayeredTable& table, const TileIn& tile) {
    // The levels lie bottom up: D, C, B, A. Their sizes follow from counting 3s, top down.
    const std::size_t n = tile.elements, size_a = codes2_size(n);
    if (size_a > tile.size) return false;
    const std::uint8_t* a = tile.source + tile.size - size_a;
    const std::size_t n_b = count_threes(a, size_a), size_b = codes2_size(n_b);
    if (n_b > n || size_b > static_cast<std::size_t>(a - tile.source)) return false;
    const std::uint8_t* b = a - size_b;
    const std::size_t n_c = count_threes(b, size_b), size_c = codes2_size(n_c);
    if (n_c > n_b || size_c > static_cast<std::size_t>(b - tile.source)) return false;
    const std::uint8_t* c = b - size_c;
    const std::size_t n_d = count_threes(c, size_c);
    if (n_d > n_c || (n_d + 1) / 2 != static_cast<std::size_t>(c - tile.source)) return false;

    std::array<std::uint8_t, tile_elements + 1> level_d, level_c, level_b;
    const std::uint8_t* symbols = table.symbols.data();
    for (std::size_t i = 0; i < n_d; ++i) {
        const unsigned code = tile.source[i / 2] >> (i % 2 * 4) & 0xfU;
        level_d[i] = code < 15 ? symbols[9 + code] : std::uint8_t{0};
    }
    level_d[n_d] = level_c[n_c] = level_b[n_b] = 0;  // read, not used, behind the last escaped element
    decode_level(c, n_c, symbols + 6, level_d.data(), level_c.data());
    decode_level(b, n_b, symbols + 3, level_c.data(), level_b.data());
    decode_level(a, n, symbols, level_b.data(), tile.target);
    return true;
}

/// Codes of one level; ranks of 3 and more go on, less 3, to `escaped`. Returns how many.
inline std::size_t encode_level(const std::uint8_t* ranks, std::size_t n, std::uint8_t* codes,
                                std::uint8_t* escaped) {
    std::fill_n(codes, codes2_size(n), std::uint8_t{0});
    std::size_t count = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const Code2Place place = code2_place(i, n);
        const auto code = std::min<unsigned>(ranks[i], 3U);
        codes[place.byte] = static_cast<std::uint8_t>(codes[place.byte] | code << place.shift);
        escaped[count] = static_cast<std::uint8_t>(ranks[i] - 3U);
        count += code == 3;
    }
    return count;
}

inline std::size_t layered_encode(const LayeredTable& table, const std::uint8_t* symbols, std::size_t n,
                                  std::uint8_t* target, bool* unseen) {
    std::array<std::uint8_t, tile_elements + 1> ranks_a, ranks_b, ranks_c, ranks_d;
    std::array<std::uint8_t, tile_elements / 4 + 32> a, b, c;
    *unseen = false;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint8_t rank = table.rank[symbols[i]];
        *unseen |= rank == LayeredTable::unseen;
        ranks_a[i] = rank == LayeredTable::unseen ? std::uint8_t{0} : rank;
    }
    const std::size_t n_b = encode_level(ranks_a.data(), n, a.data(), ranks_b.data());
    const std::size_t n_c = encode_level(ranks_b.data(), n_b, b.data(), ranks_c.data());
    const std::size_t n_d = encode_level(ranks_c.data(), n_c, c.data(), ranks_d.data());
    std::uint8_t* out = target;
    ranks_d[n_d] = 0;
    for (std::size_t i = 0; i < n_d; i += 2) *out++ = static_cast<std::uint8_t>(ranks_d[i] | ranks_d[i + 1] << 4);
    out = std::copy_n(c.data(), codes2_size(n_c), out);
    out = std::copy_n(b.data(), codes2_size(n_b), out);
    out = std::copy_n(a.data(), codes2_size(n), out);
    return static_cast<std::size_t>(out - target);
}

}  // namespace zipnn::scalar
