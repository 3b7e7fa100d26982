// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Histograms of bytes by their place modulo 8: what tells of which type the elements of unknown data are.
namespace zipnn {

constexpr std::size_t lanes = 8;
/// Of one sample: for each lane the histogram of its bytes, then for each lane that of its bytes with the
/// sign shifted out and the upper bit of the byte before shifted in: exponents of bfloat16 and float32.
constexpr std::size_t lane_counts = 2 * lanes * 256;
/// Samples are at most so large: counts are 16 bits wide.
constexpr std::size_t max_lane_sample = 1 << 16;

/// Counts in samples of `size` bytes, `step` apart from `first` on; each begins with lane 0 and takes
/// `lane_counts` of `counts`, which say how many there are. Throws std::invalid_argument if they are not
/// within the data or too large.
void count_lanes(std::span<const std::uint8_t> data, std::size_t first, std::size_t step, std::size_t size,
                 std::span<std::uint16_t> counts);

}  // namespace zipnn
