// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "entropy/context_table.hpp"

namespace zipnn {

/// Costs of symbols of a column under each class that their row may have.
class RowCosts {
  public:
    explicit RowCosts(const ContextTable& table);

    /// The class under which the row's symbols, which begin with column `column`, are cheapest.
    std::uint8_t cheapest(Bytes symbols, std::size_t column) const;

  private:
    using Costs = std::array<std::uint16_t, max_row_classes>;

    const ContextTable& table_;
    std::array<std::uint32_t, max_row_classes> class_costs_;
    std::vector<Costs> costs_;  ///< by class of the column and symbol
};

/// Encodes the planes of a tensor's chunks with a context table.
class ContextEncoder {
  public:
    explicit ContextEncoder(const ContextTable& table);

    /// Appends the code of the plane of a chunk. Positions of symbols that have no code are appended to
    /// `unseen`.
    void encode(Bytes plane, const Place& place, std::vector<std::uint8_t>& out,
                std::vector<std::uint32_t>& unseen) const;

  private:
    std::vector<std::uint8_t> classes_of_rows(Bytes symbols, std::uint64_t first) const;

    const ContextTable& table_;
    RowCosts costs_;
    std::vector<RansCode> codes_;  ///< of the contexts in order
    std::vector<RansCode> row_codes_;
};

}  // namespace zipnn
