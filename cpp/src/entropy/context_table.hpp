// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "entropy/rans.hpp"

/// A model of a plane whose elements stand in rows: rows and columns have classes, and the sum of both is
/// the context that says how frequent each symbol is (docs/format.md, 2.4).
namespace zipnn {

inline constexpr std::size_t max_row_classes = 8;
inline constexpr std::size_t max_column_classes = 4;
inline constexpr std::size_t max_contexts = max_row_classes + max_column_classes - 1;
inline constexpr std::uint32_t max_row_length = 1U << 24;

struct ContextTable {
    bool low_apart = false;        ///< bit 0 of the elements is no part of the symbols
    std::uint32_t row_length = 1;  ///< elements of a row
    std::uint8_t row_classes = 1;
    std::uint8_t column_classes = 1;
    std::vector<std::uint8_t> columns;  ///< class of each column; none if there is one class only
    Frequencies rows{};                 ///< of the rows' classes, if there are several
    std::vector<Frequencies> contexts;  ///< row_classes + column_classes - 1

    /// Rows of which `count` elements from element `first` of the plane on are a part.
    std::size_t rows_of(std::uint64_t first, std::size_t count) const {
        if (count == 0) return 0;
        return static_cast<std::size_t>((first + count - 1) / row_length - first / row_length + 1);
    }

    /// The context of each of the elements, where `row_class` says the class of each of their rows.
    void fill_contexts(std::uint64_t first, std::size_t count, const std::uint8_t* row_class,
                       std::uint8_t* contexts) const;
};

void write_context_table(std::vector<std::uint8_t>& out, const ContextTable& table);
/// Throws CorruptError.
ContextTable read_context_table(Cursor& cursor);

}  // namespace zipnn
