// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bytes.hpp"
#include "entropy/cost.hpp"
#include "frame/coder.hpp"

namespace zipnn {

/// Encodes planes of a tensor's chunks; made once for the tensor, used by all threads.
class PlaneEncoder {
  public:
    explicit PlaneEncoder(const Coder& coder);

    const Coder& coder() const { return coder_; }

    /// Appends mode and data of a plane. `overflows`: sorted positions whose overflow bit the plane's
    /// escapes carry.
    void encode(std::size_t plane, Bytes symbols, std::span<const std::uint32_t> overflows,
                std::vector<std::uint8_t>& out) const;

  private:
    struct PlaneTables {
        ClassCosts costs[4];  ///< of tables 4i .. 4i+3
        std::vector<std::optional<HuffmanEncodeTable>> huffman;
    };
    struct Tile;

    Tile encode_tile(std::size_t plane, Bytes symbols, std::uint8_t* target) const;
    std::size_t choose_table(const PlaneTables& tables, std::size_t count, Bytes symbols) const;

    const Coder& coder_;
    std::vector<PlaneTables> planes_;
};

}  // namespace zipnn
