// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "frame/plane_encoder.hpp"
#include "zipnn/frame.hpp"

/// The sparse form of a difference: the elements that changed (docs/format.md, 2.8).
namespace zipnn {

/// Positions of the elements that differ.
std::vector<std::uint32_t> changed_positions(Bytes data, Bytes base, std::size_t width);

/// Most unchanged elements that an entry can have before it.
inline std::uint32_t longest_gap(unsigned gap_bits) { return (256U << gap_bits) - 1; }

/// The positions with others between them, of unchanged elements, where gaps would be too long.
std::vector<std::uint32_t> bridged(const std::vector<std::uint32_t>& positions, unsigned gap_bits);

/// The entries' planes: those of gaps, then those of the differences.
std::vector<std::vector<std::uint8_t>> entry_planes(Bytes data, Bytes base,
                                                    const std::vector<std::uint32_t>& entries,
                                                    const Difference& difference, LayoutId layout);

/// Appends the payload of a chunk.
void encode_changes(const PlaneEncoder& encoder, const Difference& difference, Bytes data, Bytes base,
                    std::vector<std::uint8_t>& out);

}  // namespace zipnn
