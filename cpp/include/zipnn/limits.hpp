// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

/// Sizes that the format fixes (docs/format.md), and bounds that keep hostile input harmless.
namespace zipnn {

inline constexpr std::uint8_t format_version = 1;
inline constexpr std::size_t tile_elements = 4096;
inline constexpr unsigned min_chunk_log2 = 12;
inline constexpr unsigned max_chunk_log2 = 24;
/// What this encoder writes. Escapes hold a position in 18 bits, so coded planes allow no more.
inline constexpr unsigned default_chunk_log2 = 18;
inline constexpr unsigned max_coded_chunk_log2 = 18;
/// Eight of an element, two of the gaps between changed ones.
inline constexpr std::size_t max_planes = 10;
inline constexpr std::size_t max_tables = 15;
/// Longest Huffman code. A table of codes up to 11 bits decodes with a look-up half as large.
inline constexpr unsigned max_code_bits = 12;
inline constexpr unsigned short_code_bits = 11;
inline constexpr std::size_t max_layered_symbols = 24;
/// Bits of a rank that are stored, not coded.
inline constexpr unsigned max_extra_bits = 4;
inline constexpr std::size_t max_dimensions = 64;
inline constexpr std::size_t max_dtype_name = 32;
inline constexpr std::size_t head_fixed_size = 39;
inline constexpr std::size_t chunk_entry_size = 12;
/// Kernels may read this far behind a tile's payload, and write as far behind a plane.
inline constexpr std::size_t slack = 64;

}  // namespace zipnn
