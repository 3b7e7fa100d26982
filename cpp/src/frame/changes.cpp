// SPDX-License-Identifier: MIT
#include "frame/changes.hpp"

#include <array>
#include <cstring>

#include "frame/difference_section.hpp"
#include "frame/scratch.hpp"
#include "simd/kernels.hpp"

namespace zipnn {

std::vector<std::uint32_t> changed_positions(Bytes data, Bytes base, std::size_t width) {
    const std::size_t n = data.size() / width;
    thread_local Scratch scratch;
    auto* positions = reinterpret_cast<std::uint32_t*>(scratch.reserve((n + 1) * sizeof(std::uint32_t)));
    const std::size_t count = active_kernels().find_changes(width, data.data(), base.data(), n, positions);
    return {positions, positions + count};
}

std::vector<std::uint32_t> bridged(const std::vector<std::uint32_t>& positions, unsigned gap_bits) {
    std::vector<std::uint32_t> entries;
    entries.reserve(positions.size());
    std::uint32_t next = 0;  // first position that an entry may have
    for (const std::uint32_t position : positions) {
        for (; position - next > longest_gap(gap_bits); next = entries.back() + 1)
            entries.push_back(next + longest_gap(gap_bits));
        entries.push_back(position);
        next = position + 1;
    }
    return entries;
}

std::vector<std::vector<std::uint8_t>> entry_planes(Bytes data, Bytes base,
                                                    const std::vector<std::uint32_t>& entries,
                                                    const Difference& difference, LayoutId layout) {
    const std::size_t width = layout_of(layout).width, count = entries.size();
    const std::size_t gaps = gap_planes(difference);
    std::vector<std::vector<std::uint8_t>> planes(gaps + width, std::vector<std::uint8_t>(count));
    std::vector<std::uint8_t> elements(count * width), bases(count * width), differences(count * width);
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t gap = entries[i] - next;
        next = entries[i] + 1;
        planes[0][i] = static_cast<std::uint8_t>(gap >> difference.gap_bits);
        if (gaps == 2) planes[1][i] = static_cast<std::uint8_t>(gap & ((1U << difference.gap_bits) - 1));
        std::memcpy(elements.data() + i * width, data.data() + entries[i] * width, width);
        std::memcpy(bases.data() + i * width, base.data() + entries[i] * width, width);
    }
    const Kernels& kernels = active_kernels();
    kernels.subtract(difference.order, width, elements.data(), bases.data(), count, differences.data());
    std::array<std::uint8_t*, max_planes> pointers{};
    for (std::size_t p = 0; p < width; ++p) pointers[p] = planes[gaps + p].data();
    kernels.split(layout, 0, differences.data(), count, pointers.data());
    return planes;
}

void encode_changes(const PlaneEncoder& encoder, const Difference& difference, Bytes data, Bytes base,
                    std::vector<std::uint8_t>& out) {
    const std::size_t width = encoder.coder().properties().width;
    const auto entries = bridged(changed_positions(data, base, width), difference.gap_bits);
    append_le(out, static_cast<std::uint32_t>(entries.size()));
    if (entries.empty()) return;
    const auto planes = entry_planes(data, base, entries, difference, encoder.coder().layout);
    for (std::size_t p = 0; p < planes.size(); ++p) encoder.encode(p, planes[p], {}, {}, {}, out);
}

}  // namespace zipnn
