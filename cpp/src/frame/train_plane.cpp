// SPDX-License-Identifier: MIT
#include "frame/train_plane.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "entropy/cost.hpp"
#include "frame/train_table.hpp"

namespace zipnn {
namespace {

constexpr int clustering_rounds = 3;
/// Rounds and their costs look at one in this many symbols; the tables are made from all.
constexpr std::size_t clustering_share = 4;
/// A table fits its own sample better than the rest of the plane: by about a bit for each symbol.
constexpr std::uint64_t overfit_cost = 3 * cost_of_bit / 2;
/// About what a table takes in the coder section.
constexpr std::uint64_t table_bytes = 64;
constexpr std::uint64_t escape_bytes = 4;
/// A plane whose escapes take more than one in so many of its bytes has a table without escapes too.
constexpr std::uint64_t few_escapes = 2000;
/// Elements of a plane for which more is tried: encoding it takes ten times as long as training and more.
constexpr std::uint64_t large_plane = std::uint64_t{1} << 20;
/// A plane whose tables save less than 1/128 is stored: it decodes faster.
constexpr std::uint64_t least_gain = 128;

/// Counts symbols in four histograms in turn, since an increment waits for the last one of the same place.
class Counter {
  public:
    void add(Bytes symbols) {
        std::size_t i = 0;
        for (; i + 4 <= symbols.size(); i += 4)
            for (std::size_t k = 0; k < 4; ++k) ++counts_[k][symbols[i + k]];
        for (; i < symbols.size(); ++i) ++counts_[0][symbols[i]];
    }

    Histogram total() const {
        Histogram sum{};
        for (const Histogram& counts : counts_)
            for (std::size_t symbol = 0; symbol < sum.size(); ++symbol) sum[symbol] += counts[symbol];
        return sum;
    }

  private:
    std::array<Histogram, 4> counts_{};
};

std::uint64_t table_size_cost(const Table& table) {
    Coder coder{LayoutId::bytes, 0, {{table}}};
    std::vector<std::uint8_t> bytes;
    write_coder(bytes, coder);
    return std::uint64_t{bytes.size()} * 8 * cost_of_bit;
}

/// Tiles of the sample and the class that each is in.
class Clustering {
  public:
    /// `extra_bits` of ranked tables; 0: no such tables.
    Clustering(const PlaneSample& sample, const Histogram& whole, unsigned extra_bits, Level level)
        : sample_(sample), level_(level), extra_bits_(extra_bits), whole_(whole) {
        std::size_t at = 0;
        for (const std::size_t size : sample.tiles) {
            tiles_.push_back(sample.symbols.subspan(at, size));
            at += size;
        }
        classes_.resize(tiles_.size());
    }

    /// Divides the tiles among at most `count` classes. Returns about what the sample costs with them.
    std::uint64_t divide(std::size_t count) {
        std::uint64_t cost = entropy_cost(whole_);
        std::ranges::fill(classes_, std::size_t{0});
        if (count > 1) {
            divide_evenly(count);
            for (int round = 0; round < clustering_rounds; ++round) {
                const auto groups = group_histograms(count, clustering_share);
                ClassCosts costs = no_classes();
                for (std::size_t i = 0; i < count; ++i)
                    if (total_of(groups[i]) != 0) costs.set(i, ideal_costs(groups[i]));
                cost = assign(costs, 0, clustering_share) * clustering_share;
            }
        }
        const auto symbols = static_cast<std::uint64_t>(256 - std::ranges::count(whole_, 0U));
        const std::uint64_t table = table_bytes * 8 * cost_of_bit / scale();
        return cost + count * (table + (scale() > 1 ? symbols * overfit_cost : 0));
    }

    const std::vector<std::size_t>& classes() const { return classes_; }

    /// Tables for tiles that were divided so, and what the sample costs with them, tables included.
    PlaneTraining tables(const std::vector<std::size_t>& classes) {
        classes_ = classes;
        const auto last = std::ranges::max_element(classes, {}, [](std::size_t i) { return i + 1; });
        const std::size_t count = classes.empty() ? 0 : *last + 1;
        const std::size_t share = count > 1 ? clustering_share : 1;
        PlaneTraining training{};
        ClassCosts costs = no_classes();
        std::uint64_t overhead = 0;
        for (const Histogram& group : group_histograms(count, 1)) {
            if (total_of(group) == 0) continue;
            Table table = class_table(group, whole_, sample_.exponent, extra_bits_, level_);
            costs.set(training.tables.size(), table_costs(table));
            overhead += table_size_cost(table);
            training.tables.push_back(std::move(table));
        }
        training.cost = assign(costs, extra_cost(), share) * share + overhead / scale();
        drop_unused(training);
        if (sample_.elements >= large_plane) add_wide_table(training);
        return training;
    }

  private:
    /// Symbols of the plane for each of the sample.
    std::uint64_t scale() const {
        return std::max<std::uint64_t>(1, sample_.elements / sample_.symbols.size());
    }

    /// Cost of a symbol beside its code.
    std::uint64_t extra_cost() const {
        return sample_.spare_bits != 0 ? 0 : std::uint64_t{extra_bits_} * cost_of_bit;
    }

    /// Classes that are not there cost more than storing.
    static ClassCosts no_classes() {
        ClassCosts costs;
        costs.fill(escape_cost);
        return costs;
    }

    /// Equal shares, by magnitude for exponents, else by how unusual a tile is.
    void divide_evenly(std::size_t count) {
        std::array<std::uint32_t, 256> keys{};
        if (sample_.exponent)
            std::iota(keys.begin(), keys.end(), 0U);
        else
            keys = ideal_costs(whole_);
        std::vector<std::pair<std::uint64_t, std::size_t>> order;
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile) {
            std::uint64_t key = 0;
            const Bytes symbols = part_of(tile, clustering_share);
            for (const std::uint8_t symbol : symbols) key += keys[symbol];
            order.emplace_back(key * tile_elements / std::max<std::size_t>(1, symbols.size()), tile);
        }
        std::ranges::sort(order);
        for (std::size_t i = 0; i < order.size(); ++i) classes_[order[i].second] = i * count / order.size();
    }

    Bytes part_of(std::size_t tile, std::size_t share) const {
        return tiles_[tile].first((tiles_[tile].size() + share - 1) / share);
    }

    std::vector<Histogram> group_histograms(std::size_t count, std::size_t share) const {
        if (count == 1 && share == 1 && std::ranges::find(classes_, stored_class) == classes_.end())
            return {whole_};
        std::vector<Counter> counters(count);
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile)
            if (classes_[tile] < count) counters[classes_[tile]].add(part_of(tile, share));
        std::vector<Histogram> groups;
        for (const Counter& counter : counters) groups.push_back(counter.total());
        return groups;
    }

    /// Each tile to its cheapest class, or to none where storing is cheaper, by a share of its symbols.
    /// `extra_cost`: of a coded symbol, beside its cost in the class. Returns the cost.
    std::uint64_t assign(const ClassCosts& costs, std::uint64_t extra_cost, std::size_t share) {
        std::uint64_t total = 0;
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile) {
            std::array<std::uint64_t, ClassCosts::classes> sums{};
            const Bytes symbols = part_of(tile, share);
            costs.add(symbols, sums);
            const auto best = std::ranges::min_element(sums);
            const std::uint64_t extra = extra_cost * symbols.size();
            const std::uint64_t stored = std::uint64_t{stored_symbol_cost} * symbols.size() - extra;
            const bool coded = *best + *best / least_gain < stored;
            classes_[tile] = coded ? static_cast<std::size_t>(best - sums.begin()) : stored_class;
            total += extra + (coded ? *best : stored);
        }
        return total;
    }

    /// Another table for tiles with many symbols that tables of pairs have no codes for, such as biases
    /// between weights: those tiles are too few for a class. Made of the tiles of the sample that have the
    /// most.
    void add_wide_table(PlaneTraining& training) {
        std::vector<std::array<std::uint32_t, 256>> costs;
        for (const Table& table : training.tables) {
            if (!is_paired(table)) return;
            costs.push_back(table_costs(table));
        }
        Counter counter;
        std::ptrdiff_t escapes = 0;
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile) {
            if (classes_[tile] == stored_class) continue;
            const auto own = std::ranges::count_if(tiles_[tile], [&](std::uint8_t symbol) {
                return costs[classes_[tile]][symbol] == escape_cost;
            });
            if (own != 0) counter.add(tiles_[tile]);
            escapes += own;
        }
        if (static_cast<std::uint64_t>(escapes) * escape_bytes * few_escapes > sample_.symbols.size())
            training.tables.push_back(wide_table(counter.total(), extra_bits_));
    }

    void drop_unused(PlaneTraining& training) {
        for (std::size_t i = training.tables.size(); i-- > 0;) {
            if (std::ranges::find(classes_, i) != classes_.end()) continue;
            training.tables.erase(training.tables.begin() + static_cast<std::ptrdiff_t>(i));
            for (std::size_t& tile_class : classes_)
                if (tile_class != stored_class && tile_class > i) --tile_class;
        }
        training.classes = classes_;
    }

    const PlaneSample& sample_;
    Level level_;
    unsigned extra_bits_;
    const Histogram& whole_;
    std::vector<Bytes> tiles_;
    std::vector<std::size_t> classes_;
};

/// Whether the sample looks like random bytes throughout: its entropy is that of as many of them, and tiles
/// that would shrink, if there are any, do not show in it.
bool is_noise(const PlaneSample& sample, const Histogram& whole) {
    // A sample of N random bytes falls short of 8 bits each by 255/2 log2(e) in all.
    constexpr std::uint64_t shortfall = 184 * cost_of_bit;
    const std::uint64_t stored = std::uint64_t{stored_symbol_cost} * sample.symbols.size();
    return entropy_cost(whole) + 2 * shortfall + stored / 1024 >= stored;
}

std::size_t classes_for(std::size_t sampled_tiles) {
    return sampled_tiles < 8 ? 1 : sampled_tiles < 24 ? 2 : ClassCosts::classes;
}

}  // namespace

Histogram histogram_of(Bytes symbols) {
    Counter counter;
    counter.add(symbols);
    return counter.total();
}

PlaneTraining train_plane(const PlaneSample& sample, Level level) {
    const std::uint64_t stored = std::uint64_t{stored_symbol_cost} * sample.symbols.size();
    const Histogram whole = histogram_of(sample.symbols);
    if (is_noise(sample, whole)) return {{}, stored, {}};
    const bool several = std::ranges::count(whole, 0U) <= std::ptrdiff_t{254};
    unsigned extra_bits = sample.spare_bits;
    if (extra_bits == 0 && sample.rankable && several)
        extra_bits = choose_extra_bits(whole, sample.elements >= large_plane, level);
    Clustering clustering(sample, whole, extra_bits, level);
    const std::uint64_t least = clustering.divide(1);
    std::vector<std::size_t> classes = clustering.classes();
    if (const std::size_t count = classes_for(sample.tiles.size()); count > 1) {
        const std::uint64_t cost = clustering.divide(count);
        if (cost < least) classes = clustering.classes();
    }
    PlaneTraining training = clustering.tables(classes);
    if (training.tables.empty() || training.cost >= stored - stored / least_gain) return {{}, stored, {}};
    return training;
}

}  // namespace zipnn
