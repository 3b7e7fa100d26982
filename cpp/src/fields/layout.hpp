// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

/// How the bits of an element are spread over byte planes (docs/format.md, 2.3).
namespace zipnn {

enum class LayoutId : std::uint8_t {
    stored = 0,
    bytes = 1,
    split16 = 2,
    zigzag16 = 3,
    float16 = 4,
    bfloat16w = 5,
    split32 = 6,
    zigzag32 = 7,
    float32 = 8,
    float32w = 9,
    split64 = 10,
    zigzag64 = 11,
    float64 = 12,
    zstd = 13,
    float8 = 14,
};
inline constexpr std::uint8_t layout_count = 15;

struct Layout {
    const char* name;
    std::size_t width;         ///< bytes of an element
    std::size_t planes;        ///< 0: the payload is not made of planes
    std::uint16_t base_limit;  ///< largest `base`; 0: the layout has none
    unsigned spare_bits;       ///< upper bits of plane 1 that elements leave free; 0: no windowed layout
    bool exponent;             ///< plane 0 orders elements by magnitude

    /// Exponents are relative to a base, and elements outside the window of 31 need escapes.
    bool windowed() const { return spare_bits != 0; }
};

/// Exponents that a windowed layout's symbols hold beside zero.
inline constexpr unsigned window_exponents = 31;

/// The properties of a layout that exists (`id < layout_count`).
const Layout& layout_of(LayoutId id);

/// Bytes of `n` values of `bits` bits (docs/format.md, 2.5).
constexpr std::size_t packed_size(unsigned bits, std::size_t n) { return n / 128 * 16 * bits + n % 128; }

}  // namespace zipnn
