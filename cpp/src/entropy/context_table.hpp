// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bytes.hpp"
#include "entropy/base_classes.hpp"
#include "entropy/rans.hpp"
#include "zipnn/order.hpp"

/// A model of a plane whose elements stand in rows: rows and columns have classes, and the sum of both is
/// the context that says how frequent each symbol is (docs/format.md, 2.4). Of a difference, the context can
/// be the class of the base's element (2.8).
namespace zipnn {

inline constexpr std::size_t max_row_classes = 8;
inline constexpr std::size_t max_column_classes = 4;
inline constexpr std::size_t max_contexts = max_row_classes + max_column_classes - 1;
inline constexpr std::uint32_t max_row_length = 1U << 24;

/// Where a chunk stands: what the contexts of its elements follow from.
struct Place {
    std::uint64_t first = 0;        ///< number of its first element in the tensor
    Bytes base = {};                ///< the base's elements; none if the chunk is no difference
    Order order = Order::integers;  ///< of elements and base
};

struct ContextTable {
    bool low_apart = false;        ///< bit 0 of the elements is no part of the symbols
    std::uint32_t row_length = 1;  ///< elements of a row
    std::uint8_t row_classes = 1;
    std::uint8_t column_classes = 1;
    std::vector<std::uint8_t> columns;   ///< class of each column; none if there is one class only
    Frequencies rows{};                  ///< of the rows' classes, if there are several
    std::optional<BaseClasses> by_base;  ///< contexts are these instead; one class of rows and columns
    std::vector<Frequencies> contexts;   ///< row_classes + column_classes - 1, or one a class of the base

    /// Rows of which `count` elements from element `first` of the plane on are a part.
    std::size_t rows_of(std::uint64_t first, std::size_t count) const {
        if (count == 0) return 0;
        return static_cast<std::size_t>((first + count - 1) / row_length - first / row_length + 1);
    }

    /// The context of each of the elements, where `row_class` says the class of each of their rows.
    void fill_contexts(std::uint64_t first, std::size_t count, const std::uint8_t* row_class,
                       std::uint8_t* contexts) const;
};

/// The two kinds of table, by rows and columns and by the base, have forms of their own.
void write_context_table(std::vector<std::uint8_t>& out, const ContextTable& table);
/// Throws CorruptError.
ContextTable read_context_table(Cursor& cursor);
/// `width`: of the elements in bytes. Throws CorruptError.
ContextTable read_base_table(Cursor& cursor, std::size_t width);

}  // namespace zipnn
