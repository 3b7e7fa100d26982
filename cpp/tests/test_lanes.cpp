// SPDX-License-Identifier: MIT
#include "zipnn/lanes.hpp"

#include <stdexcept>
#include <vector>

#include "check.hpp"

using namespace zipnn;

TEST(lanes_are_counted_in_samples) {
    check::Random random(3);
    std::vector<std::uint8_t> data(1000);
    for (auto& byte : data) byte = static_cast<std::uint8_t>(random.next() >> 40);
    constexpr std::size_t first = 5, step = 300, size = 250, samples = 3;
    std::vector<std::uint16_t> counts(samples * lane_counts, 9), expected(counts.size());
    for (std::size_t s = 0; s < samples; ++s)
        for (std::size_t i = 0; i < size; ++i) {
            const unsigned byte = data[first + s * step + i];
            const unsigned before = i == 0 ? 0U : data[first + s * step + i - 1];
            ++expected[s * lane_counts + i % 8 * 256 + byte];
            ++expected[s * lane_counts + 2048 + i % 8 * 256 + (byte * 2 + before / 128) % 256];
        }
    count_lanes(data, first, step, size, counts);
    CHECK(counts == expected);
}

TEST(samples_are_within_the_data) {
    const std::vector<std::uint8_t> data(100);
    std::vector<std::uint16_t> counts(2 * lane_counts);
    count_lanes(data, 0, 50, 50, counts);
    CHECK_THROWS(std::invalid_argument, count_lanes(data, 1, 50, 50, counts));
    CHECK_THROWS(std::invalid_argument, count_lanes(data, 0, 51, 50, counts));
    CHECK_THROWS(std::invalid_argument, count_lanes(data, 0, SIZE_MAX, 50, counts));
    CHECK_THROWS(std::invalid_argument, count_lanes(data, 101, 0, 0, counts));
    CHECK_THROWS(std::invalid_argument, count_lanes(data, 0, 0, max_lane_sample, counts));
    counts.pop_back();
    CHECK_THROWS(std::invalid_argument, count_lanes(data, 0, 50, 50, counts));
}
