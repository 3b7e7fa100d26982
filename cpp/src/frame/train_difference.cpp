// SPDX-License-Identifier: MIT
#include "frame/train_difference.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "entropy/cost.hpp"
#include "frame/changes.hpp"
#include "frame/difference_section.hpp"
#include "frame/train_by_base.hpp"
#include "frame/train_plane.hpp"
#include "simd/kernels.hpp"

namespace zipnn {
namespace {

/// Entries of the sparse form from which its tables are learned.
constexpr std::size_t sampled_entries = 64 * 1024;
/// Gaps by which the number of their bits is chosen.
constexpr std::size_t sampled_gaps = 16 * 1024;
/// With a larger part of the elements changed, the sparse form is not looked at.
constexpr std::uint64_t largest_sparse_part = 3;
/// The sparse form is applied several times as fast: worth this part of the size.
constexpr double sparse_gain = 1.04;
/// Contexts take longer to decode: worth this many 1/256 bits an element.
constexpr std::uint64_t context_gain = 77, context_gain_beyond_half = 205, context_gain_max = 5;
/// A plane that looks like noise is not looked at for contexts: 1/256 bits.
constexpr std::uint64_t noise = 7 * cost_of_bit + 230;

std::uint8_t key_shift(Family family, std::size_t width) {
    switch (family) {
        case Family::float16:
        case Family::bfloat16: return 7;
        case Family::float32: return 23;
        case Family::float64: return 52;
        default: return static_cast<std::uint8_t>(8 * (width - 1));
    }
}

/// What training looks at.
struct Sample {
    std::vector<std::uint8_t> differences, base;
    std::vector<std::size_t> tiles;
    bool changed = false;       ///< whether any element is
    std::uint64_t changes = 0;  ///< changed elements
};

Sample take_sample(Bytes data, Bytes base, std::size_t width, Order order) {
    const std::uint64_t elements = data.size() / width;
    SamplePlan plan = plan_sample(elements, 1);
    Sample sample;
    sample.tiles = std::move(plan.tiles);
    std::vector<std::uint8_t> part;
    for (const auto& [first, count] : plan.ranges) {
        append(part, data.subspan(first * width, count * width));
        append(sample.base, base.subspan(first * width, count * width));
    }
    const std::size_t n = part.size() / width;
    sample.differences.resize(part.size());
    active_kernels().subtract(order, width, part.data(), sample.base.data(), n, sample.differences.data());
    sample.changes = changed_positions(part, sample.base, width).size();
    return sample;
}

std::vector<std::vector<std::uint8_t>> planes_of(LayoutId layout, Bytes elements) {
    const std::size_t planes = layout_of(layout).planes, n = elements.size() / layout_of(layout).width;
    std::vector<std::vector<std::uint8_t>> result(planes, std::vector<std::uint8_t>(n));
    std::array<std::uint8_t*, max_planes> pointers{};
    for (std::size_t p = 0; p < planes; ++p) pointers[p] = result[p].data();
    active_kernels().split(layout, 0, elements.data(), n, pointers.data());
    return result;
}

/// The two ways to code a plane.
struct PlaneChoice {
    PlaneTraining tables;
    std::optional<ContextTraining> contexts;

    std::uint64_t gain() const {
        return contexts && contexts->cost < tables.cost ? tables.cost - contexts->cost : 0;
    }
};

/// Puts contexts in the place of tables where they save enough of the sample of `n` elements. Where
/// decoding has to be fast, half of the planes can have them, and others only where whole bits waste most;
/// first those of the longest codes, which decode slowest by tables.
void choose_contexts(std::vector<PlaneChoice>& choices, std::size_t n, Level level) {
    const std::uint64_t least = n * (level == Level::max ? context_gain_max : context_gain);
    std::vector<PlaneChoice*> order;
    for (PlaneChoice& choice : choices)
        if (choice.gain() > least) order.push_back(&choice);
    std::ranges::stable_sort(order, std::greater{},
                             [](const PlaneChoice* choice) { return choice->tables.cost; });
    for (std::size_t i = 0; i < order.size(); ++i) {
        const bool beyond_half = level != Level::max && 2 * i >= std::max<std::size_t>(2, choices.size());
        if (beyond_half && order[i]->gain() <= n * context_gain_beyond_half) continue;
        order[i]->tables = {{}, order[i]->contexts->cost, {}};
        order[i]->tables.tables.emplace_back(std::move(order[i]->contexts->table));
    }
}

DifferenceTraining train_dense(const Sample& sample, LayoutId layout, std::uint64_t elements, Family family,
                               Level level) {
    const std::size_t width = layout_of(layout).width, n = sample.base.size() / width;
    DifferenceTraining training{{}, {layout, 0, {}}, 1.0};
    training.difference.form = Difference::Form::dense;
    const std::uint8_t shift = key_shift(family, width);
    std::vector<std::uint8_t> keys(n);
    for (std::size_t i = 0; i < n; ++i) {
        std::uint64_t element = 0;
        for (std::size_t k = 0; k < width; ++k) element |= std::uint64_t{sample.base[i * width + k]} << 8 * k;
        keys[i] = static_cast<std::uint8_t>(element >> shift);
    }
    const auto planes = planes_of(layout, sample.differences);
    std::vector<PlaneChoice> choices;
    for (std::size_t p = 0; p < width; ++p) {
        // The upper planes order differences by magnitude.
        const bool magnitude = p + 1 < width;
        PlaneChoice& choice = choices.emplace_back();
        choice.tables = train_plane({planes[p], sample.tiles, elements, magnitude, p == 0, 0}, level);
        if (level != Level::fast && entropy_cost(histogram_of(planes[p])) < noise * n)
            choice.contexts = train_by_base(planes[p], keys, shift, elements);
    }
    choose_contexts(choices, n, level);
    std::uint64_t cost = 0;
    for (PlaneChoice& choice : choices) {
        cost += choice.tables.cost;
        training.coder.planes.push_back(std::move(choice.tables.tables));
    }
    training.ratio = static_cast<double>(cost) / cost_of_bit / 8 / static_cast<double>(sample.base.size());
    return training;
}

/// Chunks of the tensor that are looked at for changed elements, one in `step` first, until there are enough.
struct Changes {
    struct Part {
        Bytes data, base;
        std::vector<std::uint32_t> positions;
    };
    std::vector<Part> parts;
    std::size_t count = 0;     ///< changed elements in them
    std::size_t elements = 0;  ///< all of them
};

Changes find_changes(Bytes data, Bytes base, std::size_t width) {
    const std::size_t chunk = width << default_chunk_log2;
    const std::size_t chunks = (data.size() + chunk - 1) / chunk;
    // Evenly over the tensor, however many of them it takes.
    constexpr std::size_t step = 8;
    Changes changes;
    for (std::size_t offset = 0; offset < std::min(step, chunks); ++offset) {
        for (std::size_t i = offset; i < chunks; i += step) {
            const std::size_t start = i * chunk, size = std::min(chunk, data.size() - start);
            Changes::Part part{data.subspan(start, size), base.subspan(start, size), {}};
            part.positions = changed_positions(part.data, part.base, width);
            changes.count += part.positions.size();
            changes.elements += size / width;
            if (!part.positions.empty()) changes.parts.push_back(std::move(part));
        }
        if (changes.count >= sampled_entries) break;
    }
    return changes;
}

/// The number of gap bits with which entries are smallest.
std::uint8_t choose_gap_bits(const Changes& changes) {
    std::uint8_t best = 0;
    std::uint64_t least = ~std::uint64_t{0};
    for (std::uint8_t bits = 0; bits <= max_gap_bits; ++bits) {
        Histogram counts{};
        std::size_t entries = 0, bridges = 0;
        for (const auto& part : changes.parts) {
            std::uint32_t next = 0;
            for (const std::uint32_t position : part.positions) {
                std::uint32_t gap = position - next;
                next = position + 1;
                for (; gap > longest_gap(bits); gap -= longest_gap(bits) + 1, ++bridges) ++counts[255];
                ++counts[gap >> bits];
                ++entries;
            }
            if (entries >= sampled_gaps) break;
        }
        const std::uint64_t cost =
            entropy_cost(counts) + (entries + bridges) * bits * cost_of_bit + bridges * 8 * cost_of_bit;
        if (cost < least) least = cost, best = bits;
    }
    return best;
}

DifferenceTraining train_sparse(const Changes& changes, LayoutId layout, Order order, std::uint64_t elements,
                                Level level) {
    const std::size_t width = layout_of(layout).width;
    DifferenceTraining training{{}, {layout, 0, {}}, 0.0};
    Difference& difference = training.difference;
    difference.form = Difference::Form::sparse;
    difference.order = order;
    difference.gap_bits = choose_gap_bits(changes);
    std::vector<std::vector<std::uint8_t>> planes(gap_planes(difference) + width);
    for (const auto& part : changes.parts) {
        const auto entries = bridged(part.positions, difference.gap_bits);
        const auto more = entry_planes(part.data, part.base, entries, difference, layout);
        for (std::size_t p = 0; p < planes.size(); ++p) append(planes[p], more[p]);
        if (planes[0].size() >= sampled_entries) break;
    }
    const std::size_t count = planes[0].size();
    std::vector<std::size_t> tiles;
    for (std::size_t at = 0; at < count; at += tile_elements)
        tiles.push_back(std::min(tile_elements, count - at));
    // Bridges are few; what they cost is in the sample.
    const double scale = static_cast<double>(changes.count) / static_cast<double>(changes.elements) *
                         static_cast<double>(elements) / static_cast<double>(count);
    std::uint64_t cost = 0;
    for (const auto& plane : planes) {
        const PlaneSample sample{plane, tiles, static_cast<std::uint64_t>(scale * static_cast<double>(count)),
                                 false, false, 0};
        PlaneTraining trained = train_plane(sample, level);
        cost += trained.cost;
        training.coder.planes.push_back(std::move(trained.tables));
    }
    training.ratio =
        static_cast<double>(cost) / cost_of_bit / 8 * scale / static_cast<double>(elements * width);
    return training;
}

}  // namespace

LayoutId difference_layout(Family family) {
    switch (width_of(family)) {
        case 1: return LayoutId::bytes;
        case 2: return LayoutId::split16;
        case 4: return LayoutId::split32;
        default: return LayoutId::split64;
    }
}

Order order_of(Family family) {
    switch (family) {
        case Family::float8:
        case Family::float16:
        case Family::bfloat16:
        case Family::float32:
        case Family::float64: return Order::floats;
        default: return Order::integers;
    }
}

DifferenceTraining train_difference(Bytes data, Bytes base, Family family, Level level) {
    const LayoutId layout = difference_layout(family);
    const Order order = order_of(family);
    const std::size_t width = layout_of(layout).width;
    const std::uint64_t elements = data.size() / width;
    const Sample sample = take_sample(data, base, width, order);
    Changes changes;
    if (sample.changes * largest_sparse_part * width < sample.base.size()) {
        changes = find_changes(data, base, width);
        if (changes.count == 0) {
            DifferenceTraining training{{}, {layout, 0, {}}, 0.0};
            training.difference.order = order;
            return training;
        }
    }
    DifferenceTraining dense = train_dense(sample, layout, elements, family, level);
    dense.difference.order = order;
    if (changes.count == 0) return dense;
    DifferenceTraining sparse = train_sparse(changes, layout, order, elements, level);
    return sparse.ratio < dense.ratio * sparse_gain ? sparse : dense;
}

}  // namespace zipnn
