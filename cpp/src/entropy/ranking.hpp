// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "entropy/huffman_table.hpp"

/// Ranks of symbols by how common they are (docs/format.md, 2.4). The upper bits of a rank, its group, are
/// coded; the lower ones are stored, since symbols of nearly the same probability need no code each.
namespace zipnn {

struct Ranking {
    unsigned extra_bits = 0;  ///< 1..max_extra_bits
    std::uint8_t first = 0, last = 0;
    std::array<std::uint8_t, 256> levels{};   ///< of first..last: smaller is commoner
    std::array<std::uint8_t, 256> symbols{};  ///< by rank
    std::array<std::uint8_t, 256> rank{};

    unsigned groups() const { return 256U >> extra_bits; }
};

/// The ranking for a histogram with at least one count: levels are half bits of information.
Ranking ranking_for(const Histogram& counts, unsigned extra_bits);

/// Counts of the groups.
Histogram group_counts(const Histogram& counts, const Ranking& ranking);

void write_ranking(std::vector<std::uint8_t>& out, const Ranking& ranking);
/// Throws CorruptError unless it is one.
Ranking read_ranking(Cursor& cursor);

}  // namespace zipnn
