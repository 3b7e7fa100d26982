// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "entropy/huffman_table.hpp"
#include "zipnn/limits.hpp"

/// Layered fixed-width codes (docs/format.md, 2.6): the commonest symbols by rank.
namespace zipnn {

struct LayeredTable {
    static constexpr std::uint8_t unseen = 0xff;
    std::uint8_t count = 0;
    std::array<std::uint8_t, max_layered_symbols> symbols{};  ///< by rank; 0 from `count` on
    std::array<std::uint8_t, 256> rank{};                     ///< or `unseen`
};

/// Bits that a symbol of this rank takes.
constexpr unsigned layered_bits(std::size_t rank) { return rank < 3 ? 2 : rank < 6 ? 4 : rank < 9 ? 6 : 10; }

/// The table of the (at most 24) commonest symbols.
LayeredTable layered_table(const Histogram& counts);

void write_layered_table(std::vector<std::uint8_t>& out, const LayeredTable& table);
/// Throws CorruptError unless the symbols are there and differ.
LayeredTable read_layered_table(Cursor& cursor);

/// Bytes of the 2-bit codes of `n` elements.
constexpr std::size_t codes2_size(std::size_t n) { return n / 128 * 32 + (n % 128 + 3) / 4; }

}  // namespace zipnn
