// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

namespace zipnn {

/// XXH3-64 of `data`, from the xxHash specification 0.2.0 (XXH3, default secret).
std::uint64_t xxh3_64(std::span<const std::uint8_t> data, std::uint64_t seed = 0);

}  // namespace zipnn
