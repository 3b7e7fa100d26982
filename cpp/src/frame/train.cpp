// SPDX-License-Identifier: MIT
#include "frame/train.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "entropy/cost.hpp"
#include "frame/train_plane.hpp"
#include "frame/train_table.hpp"
#include "simd/kernels.hpp"

namespace zipnn {
namespace {

constexpr std::uint64_t sample_all_up_to = 8 * tile_elements;
constexpr std::uint64_t sample_target = 64 * 1024;
/// Single bytes have the most symbols, and so tables of which the most is to be learned.
constexpr std::uint64_t sample_target_bytes = 128 * 1024;
constexpr std::uint64_t max_sampled_tiles = 512;
constexpr std::uint64_t runs_of_tile = 4;

/// Smallest tensor, in elements, for which ranks, and the windowed layouts that need them, pay for their
/// tables.
constexpr std::uint64_t min_elements_for_window = 2 * tile_elements;

/// Contexts take several times as long to decode: worth a thousandth of the tensor where size is all, else a
/// seventieth, which few tensors give (embeddings whose columns differ in scale).
constexpr std::uint64_t least_gain_of_contexts(Level level) { return level == Level::max ? 1000 : 70; }

struct Candidate {
    LayoutId layout;
    std::uint16_t base = 0;
};

/// Whether windowed exponents with three mantissa bits as the symbol are smaller than exponents alone, and
/// the base of the window.
Candidate choose_exponent_layout(Candidate plain, LayoutId windowed, Bytes sample, std::size_t width,
                                 Level level) {
    std::array<std::uint32_t, 2048> counts{};  // of exponents with three mantissa bits
    for (std::size_t at = width - 2; at < sample.size(); at += width)
        ++counts[load_le<std::uint16_t>(sample.data() + at) >> 4 & 0x7ffU];
    Histogram exponents{};
    for (std::size_t i = 0; i < counts.size(); ++i) exponents[i / 8] += counts[i];
    unsigned largest = 255;
    while (largest > 0 && exponents[largest] == 0) --largest;
    // Room above the largest exponent of the sample.
    constexpr unsigned room = 2;
    const unsigned top = std::min(largest + room, 255U);
    const unsigned base = top > window_exponents ? top - window_exponents : 0;
    std::uint64_t outside = 0;
    Histogram symbols{};
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const std::size_t exponent = i / 8;
        const bool inside = exponent > base && exponent <= base + window_exponents;
        symbols[inside ? i - 8 * base : i % 8] += counts[i];
        if (exponent != 0 && !inside) outside += counts[i];
    }
    // The other bits of an element, three extra bits with them, take a byte in both layouts.
    const std::uint64_t windowed_cost =
        coded_cost(symbols, layout_of(windowed).spare_bits, level) + escape_cost * outside;
    const std::uint64_t plain_cost = coded_cost(exponents, 0, level);
    if (windowed_cost + windowed_cost / 256 < plain_cost) return {windowed, static_cast<std::uint16_t>(base)};
    return plain;
}

std::uint16_t float64_base(Bytes sample) {
    unsigned largest = 0;
    for (std::size_t at = 6; at < sample.size(); at += 8)
        largest = std::max(largest,
                           static_cast<unsigned>(load_le<std::uint16_t>(sample.data() + at) >> 4 & 0x7ffU));
    return static_cast<std::uint16_t>(largest > 250 ? largest - 250 : 0);
}

/// The planes of the sample under a layout.
std::vector<std::vector<std::uint8_t>> planes_of(const Candidate& candidate, Bytes sample) {
    const Layout& layout = layout_of(candidate.layout);
    const std::size_t n = sample.size() / layout.width;
    std::vector<std::vector<std::uint8_t>> planes(layout.planes, std::vector<std::uint8_t>(n));
    std::array<std::uint8_t*, max_planes> pointers{};
    for (std::size_t p = 0; p < layout.planes; ++p) pointers[p] = planes[p].data();
    active_kernels().split(candidate.layout, candidate.base, sample.data(), n, pointers.data());
    return planes;
}

/// Puts the extra bits of the sample's ranks where chunks have them: above plane 1's own bits.
void add_extra_bits(std::vector<std::vector<std::uint8_t>>& planes, std::span<const std::size_t> tiles,
                    const PlaneTraining& trained) {
    std::vector<std::uint8_t> groups(planes[0].size());
    std::size_t at = 0;
    for (std::size_t tile = 0; tile < trained.classes.size(); at += tiles[tile++]) {
        if (trained.classes[tile] == stored_class) continue;
        if (const Ranking* ranking = ranking_of(trained.tables[trained.classes[tile]]))
            active_kernels().rank(*ranking, 8 - ranking->extra_bits, planes[0].data() + at, tiles[tile],
                                  groups.data(), planes[1].data() + at);
    }
}

std::uint64_t order0_cost(const Candidate& candidate, Bytes sample) {
    std::uint64_t cost = 0;
    for (const auto& plane : planes_of(candidate, sample)) cost += entropy_cost(histogram_of(plane));
    return cost;
}

Candidate choose_integer_layout(LayoutId plain, LayoutId zigzag, Bytes sample) {
    return order0_cost({zigzag}, sample) < order0_cost({plain}, sample) ? Candidate{zigzag}
                                                                        : Candidate{plain};
}

Candidate choose_layout(Family family, Level level, std::uint64_t elements, Bytes sample) {
    const bool window = elements >= min_elements_for_window;
    switch (family) {
        case Family::stored: return {LayoutId::stored};
        case Family::bytes: return {LayoutId::bytes};
        case Family::uint16: return {LayoutId::split16};
        case Family::uint32: return {LayoutId::split32};
        case Family::uint64: return {LayoutId::split64};
        case Family::int16: return choose_integer_layout(LayoutId::split16, LayoutId::zigzag16, sample);
        case Family::int32: return choose_integer_layout(LayoutId::split32, LayoutId::zigzag32, sample);
        case Family::int64: return choose_integer_layout(LayoutId::split64, LayoutId::zigzag64, sample);
        case Family::float8: return {LayoutId::float8};
        case Family::float16: return {LayoutId::float16};
        case Family::bfloat16:
            if (!window) return {LayoutId::float16};
            return choose_exponent_layout({LayoutId::float16}, LayoutId::bfloat16w, sample, 2, level);
        case Family::float32:
            if (!window) return {LayoutId::float32};
            return choose_exponent_layout({LayoutId::float32}, LayoutId::float32w, sample, 4, level);
        case Family::float64: return {LayoutId::float64, float64_base(sample)};
    }
    return {LayoutId::stored};
}

/// Puts a context table in the place of a plane's tables if that saves enough of the elements of `width`
/// bytes. `spare_cost`: of extra bits in another plane, which the plane's cost does not have.
void use_contexts(PlaneTraining& trained, std::uint64_t spare_cost, const RowSample& sample,
                  std::size_t width, Level level) {
    ContextTraining contexts = train_contexts(sample);
    const std::uint64_t present = cost_of_rows(sample, trained.tables);
    const std::uint64_t least_gain =
        sample.symbols.size() * width * stored_symbol_cost / least_gain_of_contexts(level);
    if (contexts.cost + least_gain > present) return;
    trained = {{}, (trained.cost + spare_cost) * contexts.cost / present, {}};
    trained.tables.emplace_back(std::move(contexts.table));
}

}  // namespace

std::size_t width_of(Family family) {
    switch (family) {
        case Family::stored:
        case Family::bytes:
        case Family::float8: return 1;
        case Family::int16:
        case Family::uint16:
        case Family::float16:
        case Family::bfloat16: return 2;
        case Family::int32:
        case Family::uint32:
        case Family::float32: return 4;
        case Family::int64:
        case Family::uint64:
        case Family::float64: return 8;
    }
    return 1;
}

SamplePlan plan_sample(std::uint64_t elements, std::size_t width) {
    SamplePlan plan;
    const std::uint64_t tiles = (elements + tile_elements - 1) / tile_elements;
    if (elements <= sample_all_up_to) {
        if (elements != 0) plan.ranges.emplace_back(0, elements);
        for (std::uint64_t tile = 0; tile < tiles; ++tile)
            plan.tiles.push_back(std::min<std::uint64_t>(tile_elements, elements - tile * tile_elements));
        return plan;
    }
    const std::uint64_t whole_tiles = elements / tile_elements;
    const std::uint64_t sampled = std::min(whole_tiles, max_sampled_tiles);
    const std::uint64_t target = width == 1 ? sample_target_bytes : sample_target;
    const std::uint64_t shortest_run = target / 640;  // of tiles of the largest tensors
    const std::uint64_t run = std::clamp<std::uint64_t>(target / (sampled * runs_of_tile) / 32 * 32,
                                                        shortest_run, tile_elements / runs_of_tile);
    for (std::uint64_t i = 0; i < sampled; ++i) {
        const std::uint64_t start = i * whole_tiles / sampled * tile_elements;
        for (std::uint64_t r = 0; r < runs_of_tile; ++r) {
            // Runs at even distances would see the same rows of a matrix again and again.
            const std::uint64_t room = tile_elements / runs_of_tile - run;
            const std::uint64_t shift = (i * runs_of_tile + r) * 0x9E3779B97F4A7C15U >> 40;
            plan.ranges.emplace_back(start + r * (tile_elements / runs_of_tile) + shift % (room + 1), run);
        }
        plan.tiles.push_back(runs_of_tile * run);
    }
    return plan;
}

Training train(Family family, Level level, std::uint64_t elements, const SamplePlan& plan,
               const RowPlan& rows, Bytes sample) {
    const std::size_t sampled = std::accumulate(plan.tiles.begin(), plan.tiles.end(), std::size_t{0});
    const Bytes row_sample = sample.subspan(sampled * width_of(family));
    sample = sample.first(sampled * width_of(family));
    const Candidate candidate = choose_layout(family, level, elements, sample);
    Training training{{candidate.layout, candidate.base, {}}, 1.0};
    const Layout& layout = layout_of(candidate.layout);
    if (layout.planes == 0 || plan.tiles.empty()) {
        training.coder = {LayoutId::stored, 0, {}};
        return training;
    }
    std::uint64_t cost = 0;
    bool coded = false;
    auto planes = planes_of(candidate, sample);
    const auto row_planes = row_sample.empty() ? decltype(planes){} : planes_of(candidate, row_sample);
    for (std::size_t p = 0; p < planes.size(); ++p) {
        const bool rankable = p == 0 && elements >= min_elements_for_window;
        const PlaneSample plane{planes[p], plan.tiles,
                                elements,  layout.exponent && p == 0,
                                rankable,  p == 0 ? layout.spare_bits : 0};
        PlaneTraining trained = train_plane(plane, level);
        const std::uint64_t bit_cost = cost_of_bit * planes[p].size();
        if (const unsigned bits = training.coder.packed_bits(p); trained.cost >= bits * bit_cost && bits != 0)
            trained = {{}, bits * bit_cost, {}};
        // Plane 1 of the rows has no extra bits.
        const bool shared = p == 1 && layout.windowed() && training.coder.extra_bits() != 0;
        if (!row_planes.empty() && !trained.tables.empty() && !shared)
            use_contexts(trained, plane.spare_bits * bit_cost,
                         {row_planes[p], rows.row_length, rows.columns, plane.exponent, elements},
                         layout.width, level);
        if (p == 0 && layout.windowed()) add_extra_bits(planes, plan.tiles, trained);
        coded |= !trained.tables.empty();
        cost += trained.cost;
        training.coder.planes.push_back(std::move(trained.tables));
    }
    if (!coded) {
        training.coder = {LayoutId::stored, 0, {}};
        return training;
    }
    const double bits = static_cast<double>(cost) / cost_of_bit;
    training.ratio = std::min(1.0, bits / (8.0 * static_cast<double>(sample.size())));
    return training;
}

double order0(Bytes data, Family family) {
    const std::size_t width = width_of(family);
    const std::size_t n = data.size() / width;
    if (n == 0) return 8.0;
    data = data.first(n * width);
    Candidate candidate = choose_layout(family, Level::normal, 0, data);
    if (candidate.layout == LayoutId::stored) candidate.layout = LayoutId::bytes;
    return static_cast<double>(order0_cost(candidate, data)) / cost_of_bit / static_cast<double>(data.size());
}

}  // namespace zipnn
