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
    bfloat16x = 5,
    split32 = 6,
    zigzag32 = 7,
    float32 = 8,
    float32x = 9,
    split64 = 10,
    zigzag64 = 11,
    float64 = 12,
    zstd = 13,
};
inline constexpr std::uint8_t layout_count = 14;

struct Layout {
    const char* name;
    std::size_t width;         ///< bytes of an element
    std::size_t planes;        ///< 0: the payload is not made of planes
    std::uint16_t base_limit;  ///< largest `base`; 0: the layout has none
    bool overflow;             ///< plane 0 may overflow into bit 0 of plane 1
    bool exponent;             ///< plane 0 orders elements by magnitude
};

/// The properties of a layout that exists (`id < layout_count`).
const Layout& layout_of(LayoutId id);

/// Bytes that the packed form of a plane of 7-bit values takes.
constexpr std::size_t packed7_size(std::size_t n) { return n / 128 * 112 + n % 128; }

}  // namespace zipnn
