// SPDX-License-Identifier: MIT
#include "frame/train_table.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <variant>

#include "entropy/cost.hpp"

namespace zipnn {

std::uint64_t total_of(const Histogram& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

namespace {

/// Weight of a seen symbol against one that is only near: samples miss rare symbols.
constexpr std::uint32_t seen_weight = 8;
/// More extra bits decode faster: worth this part of the coded bits.
constexpr std::uint64_t extra_bits_gain = 2000;
/// Fewer extra bits, where they are tried, are taken if they save this part of the coded bits.
constexpr std::uint64_t fewer_bits_gain = 500;
/// Exponents next to seen ones get a code too: the tails of weights' distributions are thin but smooth.
constexpr int exponent_reach = 3;
/// An unseen symbol likelier than 1 in this many is cheaper with the longest code than as an escape.
constexpr std::uint64_t rarest_coded = 90'000;

bool has_seen_neighbour(const Histogram& counts, int symbol) {
    const int first = std::max(0, symbol - exponent_reach), last = std::min(255, symbol + exponent_reach);
    return std::any_of(counts.begin() + first, counts.begin() + last + 1,
                       [](std::uint32_t count) { return count != 0; });
}

/// Whether symbols that the sample missed are likely enough for codes: Good and Turing estimate their share
/// by the symbols seen once.
bool expects_unseen(const Histogram& counts) {
    const auto once = std::ranges::count(counts, 1U);
    const auto unseen = std::ranges::count(counts, 0U);
    return static_cast<std::uint64_t>(once) * rarest_coded >
           total_of(counts) * static_cast<std::uint64_t>(unseen);
}

/// The histogram of a class with a little weight for symbols that its sample may have missed: those that
/// other classes have, and those that the whole sample makes likely.
Histogram with_unseen(const Histogram& counts, const Histogram& whole, bool exponent) {
    Histogram widened{};
    const bool all = !exponent && expects_unseen(whole);
    for (std::size_t symbol = 0; symbol < 256; ++symbol) {
        if (counts[symbol] != 0)
            widened[symbol] = counts[symbol] * seen_weight;
        else if (all || whole[symbol] != 0 ||
                 (exponent && (symbol == 0 || has_seen_neighbour(counts, static_cast<int>(symbol)))))
            widened[symbol] = 1;  // an exponent of zero always has a code of its own
    }
    return widened;
}

std::uint64_t cost_of(const Histogram& counts, const Table& table) {
    const auto costs = table_costs(table);
    std::uint64_t cost = 0;
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        cost += std::uint64_t{counts[symbol]} * costs[symbol];
    return cost;
}

/// Codes of up to 12 bits where they are at least 1/1024 smaller than those of 11, which decode faster.
HuffmanTable huffman_for(const Histogram& weights) {
    const HuffmanTable wide{huffman_lengths(weights, max_code_bits)};
    if (std::ranges::max(wide.lengths) <= short_code_bits) return wide;
    const HuffmanTable narrow{huffman_lengths(weights, short_code_bits)};
    const std::uint64_t wide_cost = cost_of(weights, wide);
    return wide_cost + wide_cost / 1024 <= cost_of(weights, narrow) ? wide : narrow;
}

using Code = std::variant<HuffmanTable, LayeredTable>;

/// `counts` without and `weights` with symbols that the sample may have missed; at least two of them.
Code code_for(const Histogram& counts, const Histogram& weights, Level level) {
    const HuffmanTable huffman = huffman_for(weights);
    if (level != Level::fast) return huffman;
    // Layered decodes several times as fast: worth a twelfth of the coded bits.
    const LayeredTable layered = layered_table(weights);
    const std::uint64_t huffman_cost = cost_of(counts, huffman);
    if (cost_of(counts, layered) <= huffman_cost + huffman_cost / 12) return layered;
    return huffman;
}

/// Groups of ranks: symbols that the sample missed are in the last ones, of which a few get codes.
Histogram group_weights(const Histogram& groups, std::size_t count) {
    constexpr std::size_t reach = 1;
    std::size_t last = 0;
    for (std::size_t group = 0; group < count; ++group)
        if (groups[group] != 0) last = group;
    Histogram weights{};
    for (std::size_t group = 0; group < std::min(count, last + 1 + reach); ++group)
        weights[group] = groups[group] * seen_weight + (group > last ? 1 : 0);
    return weights;
}

/// Weights of pairs of groups, which are taken to be independent, in parts of `pair_unit`. Pairs that are
/// rarer than what a longest code takes from the others are left out; `dropped_share` is their weight.
constexpr std::uint64_t pair_unit = std::uint64_t{1} << 24;

Histogram pair_weights(const Histogram& groups, std::uint32_t& dropped_share) {
    const std::uint64_t total = total_of(groups);
    constexpr std::uint64_t rarest_pair = 150'000, unit = pair_unit;
    Histogram pairs{};
    std::uint32_t dropped = 0;
    for (std::size_t high = 0; high < 16; ++high) {
        for (std::size_t low = 0; low < 16; ++low) {
            const std::uint64_t weight = std::uint64_t{groups[high]} * groups[low] * unit / total / total;
            const bool coded = weight * rarest_pair >= unit;
            (coded ? pairs[high << 4 | low] : dropped) += static_cast<std::uint32_t>(weight);
        }
    }
    dropped_share = dropped;
    return pairs;
}

RankedTable ranked_table(const Histogram& counts, unsigned extra_bits, Level level) {
    const Ranking ranking = ranking_for(counts, extra_bits);
    const Histogram groups = group_counts(counts, ranking);
    const Code code = code_for(groups, group_weights(groups, ranking.groups()), level);
    const RankedTable single{ranking, false, code};
    if (std::holds_alternative<LayeredTable>(code)) return single;
    std::uint32_t dropped = 0;
    const Histogram pairs = pair_weights(groups, dropped);
    if (std::ranges::count(pairs, 0U) > std::ptrdiff_t{254}) return single;
    const RankedTable paired{ranking, true, HuffmanTable{huffman_lengths(pairs, max_code_bits)}};
    const std::uint64_t escapes = total_of(counts) * dropped / pair_unit * escape_cost;
    return cost_of(counts, paired) + escapes < cost_of(counts, single) ? paired : single;
}

}  // namespace

Table class_table(const Histogram& counts, const Histogram& whole, bool exponent, unsigned extra_bits,
                  Level level) {
    const auto first = std::ranges::find_if(counts, [](std::uint32_t count) { return count != 0; });
    if (*first == total_of(counts)) return ConstantTable{static_cast<std::uint8_t>(first - counts.begin())};
    if (extra_bits != 0) return ranked_table(counts, extra_bits, level);
    const Code code = code_for(counts, with_unseen(counts, whole, exponent), level);
    return std::visit([](const auto& table) { return Table(table); }, code);
}

Table wide_table(const Histogram& counts, unsigned extra_bits) {
    const Ranking ranking = ranking_for(counts, extra_bits);
    Histogram weights = group_counts(counts, ranking);
    for (std::size_t group = 0; group < ranking.groups(); ++group)
        weights[group] = weights[group] * seen_weight + 1;
    return RankedTable{ranking, false, HuffmanTable{huffman_lengths(weights, max_code_bits)}};
}

unsigned choose_extra_bits(const Histogram& whole, bool large, Level level) {
    const std::uint64_t total = total_of(whole);
    const auto extra_cost = [&](unsigned bits) { return std::uint64_t{bits} * cost_of_bit * total; };
    const auto groups = [&](unsigned bits) {
        return bits == 0 ? whole : group_counts(whole, ranking_for(whole, bits));
    };
    const auto has_two = [](const Histogram& counts) {
        return std::ranges::count(counts, 0U) <= std::ptrdiff_t{254};
    };
    const std::uint64_t plain = cost_of(whole, huffman_for(whole));
    if (level == Level::fast) {
        // What layered codes may lose against Huffman codes.
        std::uint64_t best = plain + plain / 56;
        std::optional<unsigned> chosen;
        for (unsigned bits = 0; bits <= max_extra_bits; ++bits) {
            const Histogram counts = groups(bits);
            const std::uint64_t cost = cost_of(counts, layered_table(counts)) + extra_cost(bits);
            if (cost < best) {
                best = cost;
                chosen = bits;
            }
        }
        if (chosen) return *chosen;
    }
    const std::uint64_t limit = plain + plain / extra_bits_gain;
    unsigned chosen = 0;
    std::uint64_t chosen_cost = 0;
    for (unsigned bits = max_extra_bits; bits > 0; --bits) {
        const Histogram counts = groups(bits);
        if (!has_two(counts) || entropy_cost(counts) + extra_cost(bits) > limit) continue;
        const std::uint64_t cost =
            cost_of(whole, Table(ranked_table(whole, bits, Level::normal))) + extra_cost(bits);
        if (chosen != 0 && cost + cost / fewer_bits_gain > chosen_cost) break;
        if (cost > limit) continue;
        chosen = bits;
        chosen_cost = cost;
        if (!large) break;
    }
    return chosen;
}

std::uint64_t coded_cost(const Histogram& counts, unsigned extra_bits, Level level) {
    if (std::ranges::count(counts, 0U) > std::ptrdiff_t{254}) return 0;
    if (extra_bits != 0) return cost_of(counts, ranked_table(counts, extra_bits, level));
    return std::visit([&](const auto& table) { return cost_of(counts, table); },
                      code_for(counts, counts, level));
}

}  // namespace zipnn
