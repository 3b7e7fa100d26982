// SPDX-License-Identifier: MIT
#include "entropy/ranking.hpp"

#include <algorithm>
#include <numeric>

#include "entropy/bit_string.hpp"
#include "entropy/cost.hpp"

namespace zipnn {
namespace {

constexpr unsigned initial_level = 8, max_level = 63;
/// Levels of a quarter of a bit: halves save 9 bytes a table, and cost 0.0025 bits a symbol.
constexpr std::uint32_t level_cost = cost_of_bit / 4;

/// Symbols at either end that are rarer than one in so many go by value, behind the others.
constexpr std::uint64_t rarest_ranked = 4096;
/// A symbol counted so often has a level that is right to a half.
constexpr std::uint32_t sure_count = 64;

/// Symbols by level, then by value; behind them those below the first one, downwards, and those above the
/// last.
void order_by_level(Ranking& ranking) {
    std::array<unsigned, 256> keys;
    for (unsigned symbol = 0; symbol < 256; ++symbol) {
        const unsigned key = symbol < ranking.first  ? (max_level + 1) << 8 | (255 - symbol)
                             : symbol > ranking.last ? (max_level + 2) << 8 | symbol
                                                     : unsigned{ranking.levels[symbol]} << 8 | symbol;
        keys[symbol] = key << 8 | symbol;
    }
    std::ranges::sort(keys);
    for (unsigned rank = 0; rank < 256; ++rank) {
        ranking.symbols[rank] = static_cast<std::uint8_t>(keys[rank] & 0xff);
        ranking.rank[ranking.symbols[rank]] = static_cast<std::uint8_t>(rank);
    }
}

}  // namespace

Ranking ranking_for(const Histogram& counts, unsigned extra_bits) {
    Ranking ranking;
    ranking.extra_bits = extra_bits;
    const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    const auto rare = [&](unsigned symbol) { return counts[symbol] * rarest_ranked <= total; };
    unsigned first = 0, last = 255;
    while (first < 255 && rare(first)) ++first;
    while (last > first && rare(last)) --last;
    ranking.first = static_cast<std::uint8_t>(first);
    ranking.last = static_cast<std::uint8_t>(last);
    const std::uint32_t log_total = log2_fixed(std::max<std::uint64_t>(1, total));
    unsigned previous = initial_level;
    for (unsigned symbol = first; symbol <= last; ++symbol) {
        const std::uint32_t cost = log_total - log2_fixed(std::max(1U, counts[symbol]));
        const unsigned level = std::min(max_level, (cost + level_cost / 2) / level_cost);
        // Steps that are as likely the sample's noise are not worth their bits.
        const unsigned step = level > previous ? level - previous : previous - level;
        if (step > 1 || counts[symbol] >= sure_count) previous = level;
        ranking.levels[symbol] = static_cast<std::uint8_t>(previous);
    }
    order_by_level(ranking);
    return ranking;
}

Histogram group_counts(const Histogram& counts, const Ranking& ranking) {
    Histogram groups{};
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        groups[ranking.rank[symbol] >> ranking.extra_bits] += counts[symbol];
    return groups;
}

void write_ranking(std::vector<std::uint8_t>& out, const Ranking& ranking) {
    out.push_back(static_cast<std::uint8_t>(ranking.extra_bits));
    out.push_back(ranking.first);
    out.push_back(ranking.last);
    BitStringWriter bits(out);
    unsigned previous = initial_level;
    for (unsigned symbol = ranking.first; symbol <= ranking.last; ++symbol) {
        const unsigned level = ranking.levels[symbol];
        if (level == previous) {
            bits.put(0, 1);
        } else {
            bits.put(level < previous ? 0b11 : 0b01, 2);
            const unsigned steps = level < previous ? previous - level : level - previous;
            for (unsigned i = 1; i < steps; ++i) bits.put(1, 1);
            bits.put(0, 1);
        }
        previous = level;
    }
}

Ranking read_ranking(Cursor& cursor) {
    Ranking ranking;
    ranking.extra_bits = cursor.read<std::uint8_t>("ranking");
    ranking.first = cursor.read<std::uint8_t>("ranking");
    ranking.last = cursor.read<std::uint8_t>("ranking");
    if (ranking.extra_bits == 0 || ranking.extra_bits > max_extra_bits || ranking.first > ranking.last)
        throw CorruptError("ranking is damaged");
    BitStringReader bits(cursor, "ranking");
    int level = initial_level;
    for (unsigned symbol = ranking.first; symbol <= ranking.last; ++symbol) {
        if (bits.take(1) == 1) {
            const int step = bits.take(1) == 1 ? -1 : 1;
            do {
                level += step;
                if (level < 0 || level > static_cast<int>(max_level))
                    throw CorruptError("ranking has a wrong level");
            } while (bits.take(1) == 1);
        }
        ranking.levels[symbol] = static_cast<std::uint8_t>(level);
    }
    if (!bits.rest_is_zero()) throw CorruptError("ranking has stray bits");
    order_by_level(ranking);
    return ranking;
}

}  // namespace zipnn
