// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "frame/plane_encoder.hpp"

namespace zipnn {

/// Appends the payload of a chunk that is made of planes.
void encode_chunk(const PlaneEncoder& encoder, Bytes chunk, const Place& place,
                  std::vector<std::uint8_t>& out);

}  // namespace zipnn
