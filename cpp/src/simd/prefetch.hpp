// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace zipnn {

/// Asks for the cache line at `address`, which need not be readable.
inline void prefetch(const std::uint8_t* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    static_cast<void>(address);
#endif
}

/// Asks for a cache line that will be written to.
inline void prefetch_for_write(std::uint8_t* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address, 1);
#else
    static_cast<void>(address);
#endif
}

/// Asks for a cache line, but not in the nearest cache.
inline void prefetch_to_l2(const std::uint8_t* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address, 0, 2);
#else
    static_cast<void>(address);
#endif
}

}  // namespace zipnn
