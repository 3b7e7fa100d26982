// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "bytes.hpp"
#include "zipnn/frame.hpp"

namespace zipnn {
namespace {

constexpr std::size_t sampled_words = 1 << 14;
constexpr std::size_t least_words = 1 << 10;
constexpr unsigned slot_bits = 16;

}  // namespace

double repeated_share(std::span<const std::uint8_t> data) {
    const std::size_t words = data.size() / 8;
    if (words < least_words) return 0.0;
    const std::size_t count = std::min(words, sampled_words);
    // Of many words, those at even distances: so that a row and its copy are both looked at.
    const std::size_t step = words / count;
    const bool even = step >= 2;
    std::array<std::uint64_t, (1 << slot_bits) / 64> seen{};
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t slot =
            load_le<std::uint64_t>(data.data() + (even ? i * step : i * words / count) * 8) *
                0x9E3779B97F4A7C15U >>
            (64 - slot_bits);
        seen[slot / 64] |= std::uint64_t{1} << slot % 64;
    }
    double used = 0;
    for (const std::uint64_t bits : seen) used += std::popcount(bits);
    // So many different words fill so many slots.
    const double slots = 1 << slot_bits;
    const double different = -slots * std::log1p(-used / (slots + 1));
    return std::clamp(1.0 - different / static_cast<double>(count), 0.0, 1.0);
}

}  // namespace zipnn
