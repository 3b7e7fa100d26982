// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bytes.hpp"
#include "frame/coder.hpp"
#include "zipnn/frame.hpp"

namespace zipnn {

/// A sample of one plane.
struct PlaneSample {
    Bytes symbols;
    std::span<const std::size_t> tiles;  ///< how many of the symbols each sampled tile gave, in order
    std::uint64_t elements;              ///< of the whole plane
    bool exponent;                       ///< symbols order elements by magnitude
    bool rankable;                       ///< ranked tables are allowed
    unsigned spare_bits;                 ///< only ranked tables with as many extra bits, which cost nothing
};

struct PlaneTraining {
    std::vector<Table> tables;         ///< none: the plane is stored
    std::uint64_t cost;                ///< of the sample, in 1/256 bits
    std::vector<std::size_t> classes;  ///< index into the tables for each sampled tile; none: `stored_class`
};

inline constexpr std::size_t stored_class = ~std::size_t{0};

Histogram histogram_of(Bytes symbols);

/// Tables for the plane: as many classes of tiles as pay for themselves.
PlaneTraining train_plane(const PlaneSample& sample, Level level);

}  // namespace zipnn
