// SPDX-License-Identifier: MIT
#include "frame/context_encoder.hpp"

#include <algorithm>

#include "entropy/cost.hpp"
#include "frame/scratch.hpp"
#include "simd/kernels.hpp"

namespace zipnn {
namespace {

/// Bits 0 of the bytes, eight a byte.
void append_low_bits(Bytes bytes, std::vector<std::uint8_t>& out) {
    constexpr std::uint64_t each = 0x0101010101010101U, gather = 0x0102040810204080U;
    for (; bytes.size() >= 8; bytes = bytes.subspan(8))
        out.push_back(
            static_cast<std::uint8_t>((load_le<std::uint64_t>(bytes.data()) & each) * gather >> 56));
    if (bytes.empty()) return;
    out.push_back(0);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        out.back() = static_cast<std::uint8_t>(out.back() | (bytes[i] & 1) << i);
}

}  // namespace

RowCosts::RowCosts(const ContextTable& table) : table_(table), costs_(table.column_classes * 256U) {
    class_costs_.fill(0);
    if (table.row_classes > 1)
        std::copy_n(frequency_costs(table.rows).begin(), table.row_classes, class_costs_.begin());
    for (std::size_t row = 0; row < max_row_classes; ++row)
        for (std::size_t column = 0; column < table.column_classes; ++column) {
            // Classes that are not there are never the cheapest: they look like the first.
            const std::size_t context = (row < table.row_classes ? row : 0) + column;
            const auto costs = frequency_costs(table.contexts[context]);
            for (std::size_t symbol = 0; symbol < 256; ++symbol)
                costs_[column << 8 | symbol][row] = static_cast<std::uint16_t>(costs[symbol]);
        }
}

std::uint8_t RowCosts::cheapest(Bytes symbols, std::size_t column) const {
    if (table_.row_classes == 1) return 0;
    std::array<std::uint64_t, max_row_classes> sums{};
    std::ranges::copy(class_costs_, sums.begin());
    // 32-bit sums cannot overflow within a tile: 4096 symbols of at most 2^16.
    while (!symbols.empty()) {
        const std::size_t count = std::min(symbols.size(), tile_elements);
        std::array<std::uint32_t, max_row_classes> part{};
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t column_class = table_.columns.empty() ? 0 : table_.columns[column + i];
            const Costs& costs = costs_[column_class << 8 | symbols[i]];
            for (std::size_t k = 0; k < max_row_classes; ++k) part[k] += costs[k];
        }
        for (std::size_t k = 0; k < max_row_classes; ++k) sums[k] += part[k];
        symbols = symbols.subspan(count);
        column += count;
    }
    return static_cast<std::uint8_t>(std::min_element(sums.begin(), sums.begin() + table_.row_classes) -
                                     sums.begin());
}

ContextEncoder::ContextEncoder(const ContextTable& table)
    : table_(table), costs_(table), codes_(table.contexts.size() * 256) {
    for (std::size_t i = 0; i < table.contexts.size(); ++i)
        build_codes(table.contexts[i], codes_.data() + i * 256);
    if (table.row_classes > 1) {
        row_codes_.resize(256);
        build_codes(table.rows, row_codes_.data());
    }
}

std::vector<std::uint8_t> ContextEncoder::classes_of_rows(Bytes symbols, std::uint64_t first) const {
    std::vector<std::uint8_t> classes;
    auto column = static_cast<std::size_t>(first % table_.row_length);
    while (!symbols.empty()) {
        const std::size_t count = std::min<std::size_t>(symbols.size(), table_.row_length - column);
        classes.push_back(costs_.cheapest(symbols.first(count), column));
        symbols = symbols.subspan(count);
        column = 0;
    }
    return classes;
}

void ContextEncoder::encode(Bytes plane, const Place& place, std::vector<std::uint8_t>& out,
                            std::vector<std::uint32_t>& unseen) const {
    const std::size_t n = plane.size();
    thread_local Scratch upper, context_memory, word_memory;
    if (table_.low_apart)
        std::ranges::transform(plane, upper.reserve(n), [](std::uint8_t byte) { return byte >> 1; });
    const Bytes symbols = table_.low_apart ? Bytes(upper.data(), n) : plane;
    std::uint8_t* contexts = context_memory.reserve(n);
    std::vector<std::uint8_t> classes;
    if (table_.by_base) {
        active_kernels().classify(*table_.by_base, place.base.size() / n, place.base.data(), n, contexts);
    } else {
        classes = classes_of_rows(symbols, place.first);
        table_.fill_contexts(place.first, n, classes.data(), contexts);
    }
    const std::size_t room = 2 * (n + classes.size());
    std::uint8_t* words = word_memory.reserve(room);
    RansState state{{}, room};
    state.lanes.fill(rans_floor);
    const Kernels& kernels = active_kernels();
    const std::size_t first_unseen = unseen.size();
    for (std::size_t end = n; end != 0;) {
        const std::size_t begin = (end - 1) / tile_elements * tile_elements;
        const bool any = kernels.rans_encode(codes_.data(), contexts + begin, symbols.data() + begin,
                                             end - begin, words, state);
        for (std::size_t i = begin; any && i < end; ++i)
            if ((codes_[std::size_t{contexts[i]} << 8 | symbols[i]].start & rans_unseen) != 0)
                unseen.push_back(static_cast<std::uint32_t>(i));
        end = begin;
    }
    std::sort(unseen.begin() + static_cast<std::ptrdiff_t>(first_unseen), unseen.end());
    if (table_.row_classes > 1) {
        const std::vector<std::uint8_t> context(classes.size());
        kernels.rans_encode(row_codes_.data(), context.data(), classes.data(), classes.size(), words, state);
    }
    for (const std::uint32_t lane : state.lanes) append_le(out, lane);
    append(out, Bytes(words, room).subspan(state.at));
    if (table_.low_apart) append_low_bits(plane, out);
}

}  // namespace zipnn
