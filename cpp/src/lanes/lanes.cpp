// SPDX-License-Identifier: MIT
#include "zipnn/lanes.hpp"

#include <algorithm>
#include <stdexcept>

namespace zipnn {
namespace {

void count_sample(std::span<const std::uint8_t> sample, std::uint16_t* counts) {
    std::uint16_t* shifted = counts + lanes * 256;
    unsigned before = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
        const unsigned byte = sample[i];
        const std::size_t lane = i % lanes * 256;
        ++counts[lane + byte];
        ++shifted[lane + ((byte << 1 | before >> 7) & 0xff)];
        before = byte;
    }
}

}  // namespace

void count_lanes(std::span<const std::uint8_t> data, std::size_t first, std::size_t step, std::size_t size,
                 std::span<std::uint16_t> counts) {
    const std::size_t samples = counts.size() / lane_counts;
    if (counts.size() % lane_counts != 0 || size >= max_lane_sample)
        throw std::invalid_argument("wrong sizes of samples or counts");
    std::ranges::fill(counts, std::uint16_t{0});
    for (std::size_t i = 0; i < samples; ++i) {
        const std::size_t start = first + i * step;
        if (start > data.size() || size > data.size() - start || start < first)
            throw std::invalid_argument("a sample is not within the data");
        count_sample(data.subspan(start, size), counts.data() + i * lane_counts);
    }
}

}  // namespace zipnn
