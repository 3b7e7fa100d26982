// SPDX-License-Identifier: MIT
#include "frame/train_plane.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "entropy/cost.hpp"

namespace zipnn {
namespace {

constexpr std::size_t stored_class = ClassCosts::classes;
constexpr int clustering_rounds = 3;
/// Weight of a seen symbol against one that is only near: samples miss rare symbols.
constexpr std::uint32_t seen_weight = 8;
/// A plane whose tables save less than 1/128 is stored: it decodes faster.
constexpr std::uint64_t least_gain = 128;

std::uint64_t total_of(const Histogram& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

/// The histogram with a little weight for symbols that the sample may have missed.
Histogram with_neighbours(const Histogram& counts, bool exponent) {
    Histogram widened{};
    const auto distinct = std::ranges::count_if(counts, [](std::uint32_t count) { return count != 0; });
    const int reach = exponent ? 3 : distinct > 96 ? 255 : 1;
    for (int symbol = 0; symbol < 256; ++symbol) {
        const auto at = static_cast<std::size_t>(symbol);
        if (counts[at] != 0) {
            widened[at] = counts[at] * seen_weight;
            continue;
        }
        const int first = std::max(0, symbol - reach), last = std::min(255, symbol + reach);
        widened[at] = std::any_of(counts.begin() + first, counts.begin() + last + 1,
                                  [](std::uint32_t count) { return count != 0; });
    }
    if (exponent && widened[0] == 0) widened[0] = 1;  // zero always has a code of its own
    return widened;
}

std::uint64_t cost_of(const Histogram& counts, const Table& table) {
    const auto costs = table_costs(table);
    std::uint64_t cost = 0;
    for (std::size_t symbol = 0; symbol < 256; ++symbol) cost += std::uint64_t{counts[symbol]} * costs[symbol];
    return cost;
}

Table table_for(const Histogram& counts, bool exponent, Level level) {
    const auto first = std::ranges::find_if(counts, [](std::uint32_t count) { return count != 0; });
    if (*first == total_of(counts))
        return ConstantTable{static_cast<std::uint8_t>(first - counts.begin())};
    Table huffman = HuffmanTable{huffman_lengths(with_neighbours(counts, exponent))};
    if (level != Level::fast) return huffman;
    // Layered decodes several times as fast: worth a twelfth of the coded bits.
    Table layered = layered_table(with_neighbours(counts, exponent));
    const std::uint64_t huffman_cost = cost_of(counts, huffman);
    return cost_of(counts, layered) <= huffman_cost + huffman_cost / 12 ? layered : huffman;
}

std::uint64_t table_size_cost(const Table& table) {
    Coder coder{LayoutId::bytes, 0, {{table}}};
    std::vector<std::uint8_t> bytes;
    write_coder(bytes, coder);
    return std::uint64_t{bytes.size()} * 8 * cost_of_bit;
}

/// Tiles of the sample and the class that each is in.
class Clustering {
  public:
    Clustering(const PlaneSample& sample, Level level) : sample_(sample), level_(level) {
        std::size_t at = 0;
        for (const std::size_t size : sample.tiles) {
            tiles_.push_back(sample.symbols.subspan(at, size));
            at += size;
        }
        classes_.resize(tiles_.size());
    }

    /// Tables of at most `count` classes, and what the sample costs with them, tables included.
    PlaneTraining tables(std::size_t count) {
        if (count > 1) {
            divide_evenly(count);
            for (int round = 0; round < clustering_rounds; ++round) {
                const auto groups = group_histograms(count);
                ClassCosts costs = no_classes();
                for (std::size_t i = 0; i < count; ++i)
                    if (total_of(groups[i]) != 0) costs.set(i, ideal_costs(groups[i]));
                assign(costs);
            }
        } else {
            std::ranges::fill(classes_, std::size_t{0});
        }
        PlaneTraining training{};
        ClassCosts costs = no_classes();
        std::uint64_t overhead = 0;
        for (const Histogram& group : group_histograms(count)) {
            if (total_of(group) == 0) continue;
            Table table = table_for(group, sample_.exponent, level_);
            costs.set(training.tables.size(), table_costs(table));
            overhead += table_size_cost(table);
            training.tables.push_back(std::move(table));
        }
        const std::uint64_t scale = std::max<std::uint64_t>(1, sample_.elements / sample_.symbols.size());
        training.cost = assign(costs) + overhead / scale;
        drop_unused(training);
        return training;
    }

  private:
    /// Classes that are not there cost more than storing.
    static ClassCosts no_classes() {
        ClassCosts costs;
        for (auto& cost : costs.cost) cost.fill(escape_cost);
        return costs;
    }

    /// Equal shares, by magnitude for exponents, else by how unusual a tile is.
    void divide_evenly(std::size_t count) {
        std::array<std::uint32_t, 256> keys{};
        if (sample_.exponent)
            std::iota(keys.begin(), keys.end(), 0U);
        else
            keys = ideal_costs(histogram_of(sample_.symbols));
        std::vector<std::pair<std::uint64_t, std::size_t>> order;
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile) {
            std::uint64_t key = 0;
            for (const std::uint8_t symbol : tiles_[tile]) key += keys[symbol];
            order.emplace_back(key * tile_elements / std::max<std::size_t>(1, tiles_[tile].size()), tile);
        }
        std::ranges::sort(order);
        for (std::size_t i = 0; i < order.size(); ++i) classes_[order[i].second] = i * count / order.size();
    }

    std::vector<Histogram> group_histograms(std::size_t count) const {
        std::vector<Histogram> groups(count, Histogram{});
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile)
            if (classes_[tile] < count)
                for (const std::uint8_t symbol : tiles_[tile]) ++groups[classes_[tile]][symbol];
        return groups;
    }

    /// Each tile to its cheapest class, or to none where storing is cheaper. Returns the cost.
    std::uint64_t assign(const ClassCosts& costs) {
        std::uint64_t total = 0;
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile) {
            std::array<std::uint64_t, ClassCosts::classes> sums{};
            costs.add(tiles_[tile], sums);
            const auto best = std::ranges::min_element(sums);
            const std::uint64_t stored = std::uint64_t{sample_.stored_cost} * tiles_[tile].size();
            const bool coded = *best + *best / least_gain < stored;
            classes_[tile] = coded ? static_cast<std::size_t>(best - sums.begin()) : stored_class;
            total += coded ? *best : stored;
        }
        return total;
    }

    void drop_unused(PlaneTraining& training) const {
        for (std::size_t i = training.tables.size(); i-- > 0;)
            if (std::ranges::find(classes_, i) == classes_.end())
                training.tables.erase(training.tables.begin() + static_cast<std::ptrdiff_t>(i));
    }

    const PlaneSample& sample_;
    Level level_;
    std::vector<Bytes> tiles_;
    std::vector<std::size_t> classes_;
};

std::size_t classes_for(std::size_t sampled_tiles) {
    return sampled_tiles < 8 ? 1 : sampled_tiles < 24 ? 2 : ClassCosts::classes;
}

}  // namespace

Histogram histogram_of(Bytes symbols) {
    Histogram counts{};
    for (const std::uint8_t symbol : symbols) ++counts[symbol];
    return counts;
}

PlaneTraining train_plane(const PlaneSample& sample, Level level) {
    const std::uint64_t stored = std::uint64_t{sample.stored_cost} * sample.symbols.size();
    PlaneTraining best{{}, stored - stored / least_gain};
    Clustering clustering(sample, level);
    for (const std::size_t count : {std::size_t{1}, classes_for(sample.tiles.size())}) {
        PlaneTraining candidate = clustering.tables(count);
        if (candidate.cost < best.cost) best = std::move(candidate);
    }
    if (best.tables.empty()) best.cost = stored;
    return best;
}

}  // namespace zipnn
