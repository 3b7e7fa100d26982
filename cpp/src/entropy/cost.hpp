// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "entropy/huffman_table.hpp"
#include "frame/coder.hpp"

/// Costs of symbols in 1/256 bits, in integers, so that every machine decides alike.
namespace zipnn {

inline constexpr std::uint32_t cost_of_bit = 256;
inline constexpr std::uint32_t stored_symbol_cost = 8 * cost_of_bit;
/// An escape takes four bytes beside the code that it replaces.
inline constexpr std::uint32_t escape_cost = 32 * cost_of_bit;

/// log2(x) in 1/256, rounded down to what the table resolves; x >= 1.
std::uint32_t log2_fixed(std::uint64_t x);

/// Entropy of a histogram in 1/256 bits, all symbols together.
std::uint64_t entropy_cost(std::span<const std::uint32_t> counts);

/// Up to four classes side by side, so that one pass over symbols sums the cost under each.
struct ClassCosts {
    static constexpr std::size_t classes = 4;
    /// Of each symbol, two classes a word: class i in the half i % 2 of word i / 2.
    std::array<std::array<std::uint64_t, classes / 2>, 256> cost{};

    /// Every symbol of every class costs as much.
    void fill(std::uint32_t symbol_cost);
    void set(std::size_t index, const std::array<std::uint32_t, 256>& symbol_costs);
    void add(Bytes symbols, std::array<std::uint64_t, classes>& sums) const;
};

/// Cost of each symbol under an ideal code for the histogram.
std::array<std::uint32_t, 256> ideal_costs(const Histogram& counts);
/// Cost of each symbol under a table, without the extra bits of a ranked one.
std::array<std::uint32_t, 256> table_costs(const Table& table);

}  // namespace zipnn
