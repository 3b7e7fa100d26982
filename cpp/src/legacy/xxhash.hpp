// SPDX-License-Identifier: MIT
#pragma once

#include "bytes.hpp"

/// The checksums of LZ4 and Zstandard frames (xxHash specification 0.1.1), seed 0.
namespace zipnn::legacy {

std::uint32_t xxh32(Bytes data);
std::uint64_t xxh64(Bytes data);

}  // namespace zipnn::legacy
