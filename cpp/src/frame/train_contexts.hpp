// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "bytes.hpp"
#include "frame/coder.hpp"

/// Learning a context table for a plane of a tensor from a sample of its rows.
namespace zipnn {

/// How a tensor is cut into rows, and which of them are the sample.
struct RowPlan {
    std::uint32_t row_length = 0;  ///< elements; 0: the tensor is not worth it
    bool columns = false;          ///< whether the elements at one place of all rows have something in common
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;  ///< first element, count
};
RowPlan plan_rows(std::span<const std::uint64_t> shape, std::uint64_t elements);

/// A sample of one plane.
struct RowSample {
    Bytes symbols;  ///< whole rows
    std::uint32_t row_length;
    bool columns;
    bool exponent;           ///< symbols order elements by magnitude
    std::uint64_t elements;  ///< of the whole plane
    bool low_apart = false;  ///< bit 0 was taken off the symbols
};

struct ContextTraining {
    ContextTable table;
    std::uint64_t cost;  ///< of the sample, in 1/256 bits, with its share of the table
};

ContextTraining train_contexts(RowSample sample);

/// Whether bit 0, as the sign of rotated floats, says nothing of the other bits and nothing is known of it.
bool has_free_low_bit(Bytes symbols);

/// What the sample costs, extra bits included, with other tables, of which the first ClassCosts::classes
/// count, each row with its best.
std::uint64_t cost_of_rows(const RowSample& sample, const std::vector<Table>& tables);

}  // namespace zipnn
