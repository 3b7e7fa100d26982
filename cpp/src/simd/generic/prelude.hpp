// SPDX-License-Identifier: MIT
#pragma once

// What the generic kernels need. It comes before a file switches to a target's instructions, so that
// nothing here is compiled for them.
#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "bytes.hpp"
#include "simd/kernels.hpp"
#include "simd/prefetch.hpp"

#if defined(__GNUC__)
/// Unrolls the loop behind it, whose iterations are independent.
#define ZIPNN_UNROLL _Pragma("GCC unroll 8")
/// In a loop's body: keeps the loop as it is. Unrolled ones spill their lanes.
#define ZIPNN_KEEP_LOOP asm volatile("");
#else
#define ZIPNN_UNROLL
#define ZIPNN_KEEP_LOOP
#endif
