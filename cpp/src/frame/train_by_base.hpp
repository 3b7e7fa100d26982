// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "bytes.hpp"
#include "frame/train_contexts.hpp"

namespace zipnn {

/// Learns a context table for a plane of a difference: classes of the keys that elements of the base have.
/// `keys`: of the sample's elements, by `shift`; `elements`: of the whole plane.
ContextTraining train_by_base(Bytes symbols, Bytes keys, std::uint8_t shift, std::uint64_t elements);

}  // namespace zipnn
