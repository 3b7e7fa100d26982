// SPDX-License-Identifier: MIT
#pragma once

// What the generic kernels need. It comes before a file switches to a target's instructions, so that
// nothing here is compiled for them.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "bytes.hpp"
#include "simd/kernels.hpp"

namespace zipnn {

/// Asks for the cache line at `address`, which need not be readable.
inline void prefetch(const std::uint8_t* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    static_cast<void>(address);
#endif
}

}  // namespace zipnn
