// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "frame/coder.hpp"
#include "zipnn/frame.hpp"

/// The coder section of a difference to a base (docs/format.md, 2.8).
namespace zipnn {

/// Of a chunk: size and hash of the payload, checksums of data and base.
inline constexpr std::size_t difference_entry_size = 28;
/// Most gaps have at most these bits; longer ones are bridged.
inline constexpr std::uint8_t max_gap_bits = 8;

/// Whether differences have such a layout: the plain ones of each width.
bool is_difference_layout(LayoutId layout);

/// Planes of gaps, in front of those of the elements.
inline std::size_t gap_planes(const Difference& difference) {
    if (difference.form != Difference::Form::sparse) return 0;
    return difference.gap_bits == 0 ? 1 : 2;
}

void write_difference_section(std::vector<std::uint8_t>& out, const Difference& difference,
                              const Coder& coder);
/// Throws CorruptError, or UnsupportedVersionError for an unknown form, order or table.
Difference read_difference_section(Cursor& cursor, LayoutId layout, Coder& coder);

}  // namespace zipnn
