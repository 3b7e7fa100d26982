// SPDX-License-Identifier: MIT
#include "frame/train_by_base.hpp"

#include <algorithm>
#include <limits>

#include "entropy/cost.hpp"
#include "zipnn/limits.hpp"

namespace zipnn {
namespace {

/// About what a table takes for each of its symbols.
constexpr std::uint64_t table_cost = 5 * cost_of_bit;
/// What a table that was learned from a part of the plane costs more on the rest, for each of its symbols.
constexpr std::uint64_t overfit_cost = 3 * cost_of_bit / 2;
/// Weight of a class's own symbols against those of the classes beside it.
constexpr std::uint64_t own_weight = 32;

/// Neighbouring keys and the symbols that they have.
struct Group {
    std::uint8_t last_key;
    Histogram counts;
    std::uint64_t cost;           ///< of the sample, table included
    std::int64_t merge_cost = 0;  ///< what it costs to take the next group in

    std::uint64_t symbols() const { return static_cast<std::uint64_t>(256 - std::ranges::count(counts, 0U)); }
};

/// Groups of keys that are merged as long as that makes the plane smaller.
class Grouping {
  public:
    Grouping(Bytes symbols, Bytes keys, std::uint64_t elements)
        : scale_(std::max<std::uint64_t>(1, elements / symbols.size())) {
        std::vector<Histogram> counts(256);
        for (std::size_t i = 0; i < symbols.size(); ++i) ++counts[keys[i]][symbols[i]];
        for (std::size_t key = 0; key < 256; ++key) {
            if (std::ranges::all_of(counts[key], [](auto count) { return count == 0; })) continue;
            groups_.push_back({static_cast<std::uint8_t>(key), counts[key], 0});
            groups_.back().cost = cost_of(groups_.back());
        }
        for (std::size_t i = 0; i + 1 < groups_.size(); ++i) set_merge_cost(i);
        while (groups_.size() > 1) {
            const auto best =
                std::min_element(groups_.begin(), groups_.end() - 1,
                                 [](const Group& a, const Group& b) { return a.merge_cost < b.merge_cost; });
            if (groups_.size() <= max_base_classes && best->merge_cost > 0) break;
            merge(static_cast<std::size_t>(best - groups_.begin()));
        }
    }

    const std::vector<Group>& groups() const { return groups_; }
    std::uint64_t scale() const { return scale_; }

  private:
    std::uint64_t cost_of(const Group& group) const {
        const std::uint64_t overfit = scale_ > 1 ? overfit_cost : 0;
        return entropy_cost(group.counts) + group.symbols() * (table_cost / scale_ + overfit);
    }

    static Group merged(const Group& a, const Group& b) {
        Group sum = b;
        for (std::size_t symbol = 0; symbol < 256; ++symbol) sum.counts[symbol] += a.counts[symbol];
        return sum;
    }

    void set_merge_cost(std::size_t i) {
        groups_[i].merge_cost = static_cast<std::int64_t>(cost_of(merged(groups_[i], groups_[i + 1]))) -
                                static_cast<std::int64_t>(groups_[i].cost + groups_[i + 1].cost);
    }

    void merge(std::size_t i) {
        groups_[i] = merged(groups_[i], groups_[i + 1]);
        groups_[i].cost = cost_of(groups_[i]);
        groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        if (i + 1 < groups_.size()) set_merge_cost(i);
        if (i > 0) set_merge_cost(i - 1);
    }

    std::uint64_t scale_;
    std::vector<Group> groups_;
};

/// Frequencies of a group, which learns a little from those beside it.
Frequencies frequencies_of(const std::vector<Group>& groups, std::size_t i) {
    std::array<std::uint64_t, 256> weights{};
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        weights[symbol] = own_weight * groups[i].counts[symbol] + (i > 0 ? groups[i - 1].counts[symbol] : 0) +
                          (i + 1 < groups.size() ? groups[i + 1].counts[symbol] : 0);
    return frequencies_for(weights);
}

}  // namespace

ContextTraining train_by_base(Bytes symbols, Bytes keys, std::uint8_t shift, std::uint64_t elements) {
    ContextTraining training{};
    ContextTable& table = training.table;
    std::vector<std::uint8_t> upper;
    table.low_apart = has_free_low_bit(symbols);
    if (table.low_apart) {
        training.cost = symbols.size() * cost_of_bit;
        upper.resize(symbols.size());
        std::ranges::transform(symbols, upper.begin(), [](std::uint8_t byte) { return byte >> 1; });
        symbols = upper;
    }
    const Grouping grouping(symbols, keys, elements);
    const std::vector<Group>& groups = grouping.groups();
    BaseClasses& classes = table.by_base.emplace();
    classes.shift = shift;
    classes.count = static_cast<std::uint8_t>(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i + 1 < groups.size()) classes.last_keys[i] = groups[i].last_key;
        table.contexts.push_back(frequencies_of(groups, i));
        const auto costs = frequency_costs(table.contexts.back());
        for (std::size_t symbol = 0; symbol < 256; ++symbol)
            training.cost += std::uint64_t{groups[i].counts[symbol]} * costs[symbol];
        if (grouping.scale() > 1) training.cost += groups[i].symbols() * overfit_cost;
    }
    std::vector<std::uint8_t> written;
    write_context_table(written, table);
    const std::uint64_t chunks = (elements >> default_chunk_log2) + 1;
    training.cost += (written.size() + chunks * 4 * rans_lanes) * 8 * cost_of_bit / grouping.scale();
    return training;
}

}  // namespace zipnn
