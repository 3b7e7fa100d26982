// SPDX-License-Identifier: MIT
#include "entropy/cost.hpp"

#include <algorithm>
#include <bit>

namespace zipnn {
namespace {

/// fraction[i] = floor(256 * log2(1 + i/256)), by squaring: each doubling of the value above 2 is a bit.
constexpr std::array<std::uint8_t, 256> log2_fractions() {
    std::array<std::uint8_t, 256> fractions{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint64_t value = (256ULL + i) << 22;  // 1.30 fixed point, in [1, 2)
        std::uint32_t bits = 0;
        for (int step = 0; step < 8; ++step) {
            value = value * value >> 30;
            bits <<= 1;
            if (value >= 2ULL << 30) {
                bits |= 1;
                value >>= 1;
            }
        }
        fractions[i] = static_cast<std::uint8_t>(bits);
    }
    return fractions;
}

constexpr auto fractions = log2_fractions();

}  // namespace

std::uint32_t log2_fixed(std::uint64_t x) {
    const auto whole = static_cast<unsigned>(std::bit_width(x)) - 1;
    const std::uint64_t mantissa = whole >= 8 ? x >> (whole - 8) : x << (8 - whole);
    return whole * cost_of_bit + fractions[mantissa & 0xff];
}

std::uint64_t entropy_cost(std::span<const std::uint32_t> counts) {
    std::uint64_t total = 0, cost = 0;
    for (const std::uint32_t count : counts) total += count;
    if (total == 0) return 0;
    const std::uint32_t log_total = log2_fixed(total);
    for (const std::uint32_t count : counts)
        if (count != 0) cost += std::uint64_t{count} * (log_total - log2_fixed(count));
    return cost;
}

void ClassCosts::set(std::size_t index, const std::array<std::uint32_t, 256>& symbol_costs) {
    const std::size_t word = index / 2, shift = index % 2 * 32;
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        cost[symbol][word] = (cost[symbol][word] & ~(std::uint64_t{0xffffffff} << shift)) |
                             std::uint64_t{symbol_costs[symbol]} << shift;
}

void ClassCosts::add(Bytes symbols, std::array<std::uint64_t, classes>& sums) const {
    // 32-bit sums cannot overflow within a tile: 4096 * 43 bits * 256 < 2^26.
    while (!symbols.empty()) {
        const Bytes part = symbols.first(std::min(symbols.size(), tile_elements));
        symbols = symbols.subspan(part.size());
        std::uint64_t low = 0, high = 0;
        for (const std::uint8_t symbol : part) {
            low += cost[symbol][0];
            high += cost[symbol][1];
        }
        sums[0] += low & 0xffffffffU;
        sums[1] += low >> 32;
        sums[2] += high & 0xffffffffU;
        sums[3] += high >> 32;
    }
}

void ClassCosts::fill(std::uint32_t symbol_cost) {
    for (auto& words : cost) words.fill(std::uint64_t{symbol_cost} << 32 | symbol_cost);
}

std::array<std::uint32_t, 256> ideal_costs(const Histogram& counts) {
    std::uint64_t total = 0;
    for (const std::uint32_t count : counts) total += count;
    std::array<std::uint32_t, 256> costs;
    costs.fill(escape_cost);
    const std::uint32_t log_total = log2_fixed(std::max<std::uint64_t>(total, 1));
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (counts[symbol] != 0)
            costs[symbol] = std::min(log_total - log2_fixed(counts[symbol]), max_code_bits * cost_of_bit);
    return costs;
}

namespace {

/// Cost of each group in pairs: its half of the average pair that it is in.
std::array<std::uint32_t, 256> paired_costs(const CodeLengths& lengths) {
    std::array<std::uint32_t, 256> costs;
    costs.fill(escape_cost);
    // A pair of length l has a share of 2^-l; so a group's share is what its pairs have.
    std::array<std::uint64_t, 16> shares{};
    for (std::size_t pair = 0; pair < 256; ++pair) {
        if (lengths[pair] == 0) continue;
        const std::uint64_t share = std::uint64_t{1} << (2 * max_code_bits - lengths[pair]);
        shares[pair & 15] += share;
        shares[pair >> 4] += share;
    }
    for (std::size_t group = 0; group < 16; ++group)
        if (shares[group] != 0)
            costs[group] = (2 * max_code_bits + 1) * cost_of_bit - log2_fixed(shares[group]);
    return costs;
}

}  // namespace

std::array<std::uint32_t, 256> table_costs(const Table& table) {
    if (const auto* ranked = std::get_if<RankedTable>(&table)) {
        const auto groups =
            ranked->paired
                ? paired_costs(std::get<HuffmanTable>(ranked->groups).lengths)
                : std::visit([](const auto& inner) { return table_costs(Table(inner)); }, ranked->groups);
        std::array<std::uint32_t, 256> costs;
        for (std::size_t symbol = 0; symbol < 256; ++symbol)
            costs[symbol] = groups[ranked->ranking.rank[symbol] >> ranked->ranking.extra_bits];
        return costs;
    }
    std::array<std::uint32_t, 256> costs;
    costs.fill(escape_cost);
    if (const auto* constant = std::get_if<ConstantTable>(&table)) {
        costs[constant->value] = 0;
    } else if (const auto* huffman = std::get_if<HuffmanTable>(&table)) {
        for (std::size_t symbol = 0; symbol < 256; ++symbol)
            if (huffman->lengths[symbol] != 0) costs[symbol] = huffman->lengths[symbol] * cost_of_bit;
    } else if (const auto* layered = std::get_if<LayeredTable>(&table)) {
        for (std::size_t rank = 0; rank < layered->count; ++rank)
            costs[layered->symbols[rank]] = layered_bits(rank) * cost_of_bit;
    }
    return costs;
}

}  // namespace zipnn
