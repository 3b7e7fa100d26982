// SPDX-License-Identifier: MIT
#include <algorithm>
#include <stdexcept>

#include "check.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/deflate.hpp"

namespace {

using Data = std::vector<std::uint8_t>;

/// Noise, runs, copies from any distance and few different bytes, in turns.
Data mixed(std::size_t size, std::uint64_t seed) {
    check::Random random(seed);
    Data data;
    while (data.size() < size) {
        const std::size_t kind = random.below(data.empty() ? 3 : 4);
        const std::size_t count = 1 + random.below(3000);
        const std::size_t distance = 1 + random.below(std::min<std::size_t>(data.size() + 1, 40000));
        for (std::size_t i = 0; i < count; ++i) {
            if (kind == 0)
                data.push_back(static_cast<std::uint8_t>(random.below(256)));
            else if (kind == 1)
                data.push_back(static_cast<std::uint8_t>(count));
            else if (kind == 2)
                data.push_back(static_cast<std::uint8_t>(random.below(4)));
            else
                data.push_back(data[data.size() - std::min(distance, data.size())]);
        }
    }
    data.resize(size);
    return data;
}

Data deflated(const Data& data, int level, int mem_level, std::size_t step) {
    zipnn::Deflater deflater(level, mem_level);
    Data stream;
    const auto sink = [&](std::span<const std::uint8_t> part) {
        stream.insert(stream.end(), part.begin(), part.end());
    };
    for (std::size_t at = 0; at < data.size(); at += step)
        deflater.deflate({data.data() + at, std::min(step, data.size() - at)}, false, sink);
    deflater.deflate({}, true, sink);
    return stream;
}

}  // namespace

// What zlib 1.2.13 makes of the same data: XXH3-64 of its streams, computed with the `xxhash` package.
TEST(deflate_makes_the_streams_of_zlib) {
    constexpr std::uint64_t known[9][2] = {
#include "deflate_known.inc"
    };
    const Data data = mixed(400000, 1);
    for (int level = 1; level <= 9; ++level)
        for (int mem_level = 8; mem_level <= 9; ++mem_level)
            CHECK(zipnn::xxh3_64(deflated(data, level, mem_level, data.size())) ==
                  known[level - 1][mem_level - 8]);
}

TEST(deflate_of_little) {
    CHECK(deflated({}, 6, 8, 1) == (Data{0x03, 0x00}));
    CHECK(deflated({'a'}, 6, 8, 1) == (Data{0x4b, 0x04, 0x00}));
    CHECK(deflated({'a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c'}, 6, 8, 9) ==
          (Data{0x4b, 0x4c, 0x4a, 0x4e, 0x04, 0x23, 0x00}));
}

TEST(deflate_does_not_depend_on_how_the_input_is_cut) {
    for (const int level : {1, 3, 4, 9})
        for (const std::size_t size : {65274UL, 65275UL, 65535UL, 65536UL, 65537UL, 98042UL, 140000UL}) {
            const Data data = mixed(size, size);
            const Data stream = deflated(data, level, 9, size);
            for (const std::size_t step : {1UL, 261UL, 8192UL, 65535UL})
                CHECK(deflated(data, level, 9, step) == stream);
        }
}

TEST(deflate_takes_the_last_input_with_the_end) {
    const Data data = mixed(100000, 7);
    zipnn::Deflater deflater(6, 8);
    Data stream;
    const auto sink = [&](std::span<const std::uint8_t> part) {
        stream.insert(stream.end(), part.begin(), part.end());
    };
    deflater.deflate(data, true, sink);
    CHECK(stream == deflated(data, 6, 8, data.size()));
    CHECK_THROWS(std::invalid_argument, deflater.deflate({}, true, sink));
}

TEST(deflate_refuses_other_settings) {
    for (const int level : {-1, 0, 10}) CHECK_THROWS(std::invalid_argument, zipnn::Deflater(level, 8));
    for (const int mem_level : {0, 7, 10}) CHECK_THROWS(std::invalid_argument, zipnn::Deflater(6, mem_level));
}
