// SPDX-License-Identifier: MIT
#include "frame/train_contexts.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "entropy/cost.hpp"
#include "frame/context_encoder.hpp"
#include "frame/train_plane.hpp"

namespace zipnn {
namespace {

constexpr std::uint64_t least_elements = 4 * tile_elements;
/// Rows of the tensor are taken as they are if their length is in between; else runs of `segment` elements.
constexpr std::uint64_t shortest_row = 64, longest_row = 1 << 16, segment = 512;
constexpr std::uint64_t sample_target = 128 * 1024, largest_sample = 2 * 1024 * 1024;
/// Rows from which the classes of columns are learned, at least.
constexpr std::uint64_t sampled_rows = 64;

/// Classes of rows and columns where the elements are many beside the symbols, which each of the tables
/// takes about five bits for.
constexpr std::uint64_t elements_per_symbol = 1600;
constexpr std::uint8_t many_row_classes = 6, many_column_classes = 3;
constexpr std::uint8_t few_row_classes = 4, few_column_classes = 2;
constexpr int rounds = 2;
/// Rounds look at rows of about this many elements; the tables are made from all.
constexpr std::size_t elements_of_round = 48 * 1024;
/// Weight of a context's own symbols against those of the contexts beside it.
constexpr std::uint64_t own_weight = 32;
/// Rows and columns outside these parts of the order are in the first and the last class.
constexpr std::size_t lowest_part = 32;

std::uint64_t length_of_rows(std::span<const std::uint64_t> shape, std::uint64_t elements) {
    std::uint64_t product = 1;
    for (const std::uint64_t extent : shape) {
        if (extent == 0 || extent > elements / product) return 0;  // not the shape of these elements
        product *= extent;
    }
    if (shape.size() < 2) return 0;
    std::uint64_t length = elements / product;  // 2 if the elements are parts of complex numbers
    for (std::size_t i = shape.size(); --i > 0;) {
        length *= shape[i];
        if (length >= shortest_row) break;
    }
    return length;
}

/// Classes by equal steps of the keys, of which a 32nd on either side may lie outside.
std::vector<std::uint8_t> classes_by_key(const std::vector<std::uint64_t>& keys, std::size_t count) {
    std::vector<std::uint64_t> order = keys;
    std::ranges::sort(order);
    const std::uint64_t low = order[order.size() / lowest_part];
    const std::uint64_t high = order[order.size() - 1 - order.size() / lowest_part];
    std::vector<std::uint8_t> classes;
    for (const std::uint64_t key : keys)
        classes.push_back(
            static_cast<std::uint8_t>((std::clamp(key, low, high) - low) * count / (high - low + 1)));
    return classes;
}

/// Rows and columns of the sample and the class that each is in.
class Model {
  public:
    explicit Model(const RowSample& sample)
        : sample_(sample), length_(sample.row_length), rows_(sample.symbols.size() / length_) {
        const Histogram whole = histogram_of(sample.symbols);
        const auto symbols = static_cast<std::uint64_t>(256 - std::ranges::count(whole, 0U));
        const bool many = sample.elements / symbols >= elements_per_symbol;
        table_.low_apart = sample.low_apart;
        table_.row_length = sample.row_length;
        table_.row_classes = many ? many_row_classes : few_row_classes;
        table_.column_classes = !sample.columns ? 1 : many ? many_column_classes : few_column_classes;
        table_.contexts.resize(table_.row_classes + table_.column_classes - 1U);
        divide_evenly(whole);
        step_ = std::max<std::size_t>(1, sample.symbols.size() / elements_of_round);
        for (int round = 0; round < rounds; ++round) {
            fill_table();
            if (sample.columns) assign_columns();
            if (round + 1 == rounds) step_ = 1;
            assign_rows();
        }
        fill_table();
    }

    ContextTraining training() && {
        std::uint64_t cost = 0;
        for (std::size_t i = 0; i < table_.contexts.size(); ++i) {
            const auto costs = frequency_costs(table_.contexts[i]);
            for (std::size_t symbol = 0; symbol < 256; ++symbol) cost += counts_[i][symbol] * costs[symbol];
        }
        const auto class_costs = frequency_costs(table_.rows);
        for (const std::uint8_t row_class : row_class_) cost += class_costs[row_class];
        std::vector<std::uint8_t> written;
        write_context_table(written, table_);
        const std::uint64_t scale = std::max<std::uint64_t>(1, sample_.elements / sample_.symbols.size());
        cost += (written.size() + 4 * rans_lanes) * 8 * cost_of_bit / scale;
        if (table_.low_apart) cost += sample_.symbols.size() * cost_of_bit;
        return {std::move(table_), cost};
    }

  private:
    Bytes row(std::size_t index) const { return sample_.symbols.subspan(index * length_, length_); }

    /// Means of magnitudes, or of how unusual symbols are where these have no order.
    void divide_evenly(const Histogram& whole) {
        std::array<std::uint32_t, 256> key{};
        if (sample_.exponent)
            std::iota(key.begin(), key.end(), 0U);
        else
            key = ideal_costs(whole);
        std::vector<std::uint64_t> row_keys(rows_), column_keys(length_);
        for (std::size_t r = 0; r < rows_; ++r) {
            const Bytes symbols = row(r);
            for (std::size_t c = 0; c < length_; ++c) {
                row_keys[r] += key[symbols[c]];
                column_keys[c] += key[symbols[c]];
            }
        }
        row_class_ = classes_by_key(row_keys, table_.row_classes);
        if (sample_.columns) table_.columns = classes_by_key(column_keys, table_.column_classes);
    }

    void count() {
        counts_.assign(table_.contexts.size(), {});
        for (std::size_t r = 0; r < rows_; r += step_) {
            const Bytes symbols = row(r);
            for (std::size_t c = 0; c < length_; ++c)
                ++counts_[row_class_[r] + (table_.columns.empty() ? 0U : table_.columns[c])][symbols[c]];
        }
    }

    /// Frequencies for the present classes. Contexts learn a little from those beside them, which have
    /// symbols that their own sample may have missed.
    void fill_table() {
        count();
        std::array<std::uint64_t, 256> whole{};
        for (const Histogram& counts : counts_)
            for (std::size_t symbol = 0; symbol < 256; ++symbol) whole[symbol] += counts[symbol];
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            std::array<std::uint64_t, 256> weights{};
            std::uint64_t total = 0;
            for (std::size_t symbol = 0; symbol < 256; ++symbol) {
                weights[symbol] = own_weight * counts_[i][symbol] + (i > 0 ? counts_[i - 1][symbol] : 0) +
                                  (i + 1 < counts_.size() ? counts_[i + 1][symbol] : 0);
                total += weights[symbol];
            }
            table_.contexts[i] = frequencies_for(total != 0 ? weights : whole);
        }
        std::array<std::uint64_t, 256> classes{};
        std::fill_n(classes.begin(), table_.row_classes, 1);
        for (const std::uint8_t row_class : row_class_) ++classes[row_class];
        table_.rows = frequencies_for(classes);
    }

    void assign_rows() {
        const RowCosts costs(table_);
        for (std::size_t r = 0; r < rows_; r += step_) row_class_[r] = costs.cheapest(row(r), 0);
    }

    void assign_columns() {
        using Costs = std::array<std::uint32_t, max_column_classes>;
        std::vector<Costs> costs(std::size_t{table_.row_classes} * 256), sums(length_);
        for (std::size_t k = 0; k < table_.column_classes; ++k)
            for (std::size_t r = 0; r < table_.row_classes; ++r) {
                const auto context = frequency_costs(table_.contexts[r + k]);
                for (std::size_t symbol = 0; symbol < 256; ++symbol)
                    costs[r << 8 | symbol][k] = context[symbol];
            }
        for (std::size_t r = 0; r < rows_; r += step_) {
            const Bytes symbols = row(r);
            const Costs* of_row = costs.data() + (std::size_t{row_class_[r]} << 8);
            for (std::size_t c = 0; c < length_; ++c)
                for (std::size_t k = 0; k < max_column_classes; ++k) sums[c][k] += of_row[symbols[c]][k];
        }
        for (std::size_t c = 0; c < length_; ++c)
            table_.columns[c] = static_cast<std::uint8_t>(
                std::min_element(sums[c].begin(), sums[c].begin() + table_.column_classes) - sums[c].begin());
    }

    const RowSample& sample_;
    std::size_t length_, rows_;
    std::size_t step_ = 1;  ///< one in so many rows is looked at
    ContextTable table_;
    std::vector<std::uint8_t> row_class_;
    std::vector<Histogram> counts_;
};

}  // namespace

RowPlan plan_rows(std::span<const std::uint64_t> shape, std::uint64_t elements) {
    RowPlan plan;
    if (elements < least_elements) return plan;
    std::uint64_t length = length_of_rows(shape, elements);
    plan.columns = length >= shortest_row && length <= longest_row && elements / length >= sampled_rows;
    if (!plan.columns) length = segment;
    plan.row_length = static_cast<std::uint32_t>(length);
    const std::uint64_t rows = elements / length;
    const std::uint64_t wanted =
        std::min(std::max(sample_target / length, sampled_rows), largest_sample / length);
    if (rows <= wanted) {
        plan.ranges.emplace_back(0, rows * length);
    } else {
        for (std::uint64_t i = 0; i < wanted; ++i)
            plan.ranges.emplace_back(i * rows / wanted * length, length);
    }
    return plan;
}

bool has_free_low_bit(Bytes symbols) {
    const Histogram whole = histogram_of(symbols);
    Histogram upper{};
    for (std::size_t symbol = 0; symbol < 256; ++symbol) upper[symbol >> 1] += whole[symbol];
    // Of random bits the sample would tell 127/2 log2(e) bits.
    constexpr std::uint64_t told = 92 * cost_of_bit;
    const std::uint64_t bits = symbols.size() * cost_of_bit;
    return entropy_cost(whole) + 2 * told + bits / 1024 >= entropy_cost(upper) + bits;
}

ContextTraining train_contexts(RowSample sample) {
    if (!has_free_low_bit(sample.symbols)) return Model(sample).training();
    std::vector<std::uint8_t> upper(sample.symbols.size());
    std::ranges::transform(sample.symbols, upper.begin(), [](std::uint8_t byte) { return byte >> 1; });
    sample.symbols = upper;
    sample.low_apart = true;
    return Model(sample).training();
}

std::uint64_t cost_of_rows(const RowSample& sample, const std::vector<Table>& tables) {
    ClassCosts costs;
    costs.fill(stored_symbol_cost);
    for (std::size_t i = 0; i < std::min(tables.size(), ClassCosts::classes); ++i) {
        auto of_table = table_costs(tables[i]);
        if (const Ranking* ranking = ranking_of(tables[i]))
            for (std::uint32_t& cost : of_table) cost += ranking->extra_bits * cost_of_bit;
        costs.set(i, of_table);
    }
    std::uint64_t total = 0;
    for (std::size_t at = 0; at < sample.symbols.size(); at += sample.row_length) {
        std::array<std::uint64_t, ClassCosts::classes> sums{};
        costs.add(sample.symbols.subspan(at, sample.row_length), sums);
        total += std::ranges::min(sums);
    }
    return total;
}

}  // namespace zipnn
