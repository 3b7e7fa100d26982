// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "bytes.hpp"
#include "frame/coder.hpp"
#include "frame/train_contexts.hpp"
#include "zipnn/frame.hpp"

/// Choosing layout and tables for a tensor from a sample of it.
namespace zipnn {

/// Elements that the sample takes from one tile: `runs` runs of `run` elements, evenly spread, or all.
struct SamplePlan {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;  ///< first element, count
    std::vector<std::size_t> tiles;                               ///< sampled elements of each sampled tile
};
SamplePlan plan_sample(std::uint64_t elements, std::size_t width);

struct Training {
    Coder coder;
    double ratio;  ///< expected size, in parts of the original
};

/// `sample`: the elements that the plans name, joined.
Training train(Family family, Level level, std::uint64_t elements, const SamplePlan& plan,
               const RowPlan& rows, Bytes sample);

/// Width in bytes of the elements of a family.
std::size_t width_of(Family family);

}  // namespace zipnn
