// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "frame/coder.hpp"
#include "frame/train.hpp"
#include "zipnn/frame.hpp"

/// Choosing form and tables of a difference from samples (docs/format.md, 2.8).
namespace zipnn {

/// What a family's differences are made of.
LayoutId difference_layout(Family family);
Order order_of(Family family);

struct DifferenceTraining {
    Difference difference;  ///< form, order, gaps
    Coder coder;
    double ratio;  ///< expected size of the payloads, in parts of the data
};

/// There is at least one element.
DifferenceTraining train_difference(Bytes data, Bytes base, Family family, Level level);

}  // namespace zipnn
