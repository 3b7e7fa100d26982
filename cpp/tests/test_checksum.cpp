// SPDX-License-Identifier: MIT
#include "check.hpp"
#include "zipnn/checksum.hpp"

// Values computed with another implementation (the `xxhash` package) over the bytes i * 7 + i / 256.
TEST(xxh3_known_values) {
    struct Known {
        std::size_t size;
        std::uint64_t hash;
    };
    constexpr Known known[] = {
#include "xxh3_known.inc"
    };
    std::vector<std::uint8_t> data(100000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    for (const Known& one : known) CHECK(zipnn::xxh3_64({data.data(), one.size}) == one.hash);
}
