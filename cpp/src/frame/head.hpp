// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "frame/coder.hpp"
#include "zipnn/frame.hpp"

namespace zipnn {

struct ChunkEntry {
    std::uint32_t payload_size;
    std::uint64_t checksum;
};

struct ChunkTable {
    unsigned log2;  ///< elements of a chunk
    std::vector<ChunkEntry> entries;
};

/// Size of a head without coder section and chunk table.
std::uint64_t described_size(std::size_t dtype_length, const std::vector<std::uint64_t>& shape,
                             std::size_t attachment);

std::vector<std::uint8_t> write_head(const Coder& coder, const ChunkTable& chunks,
                                     const Description& description, std::uint64_t frame_size,
                                     std::uint64_t data_size);

/// The head of a difference, whose description has no such flag.
std::vector<std::uint8_t> write_difference_head(const Difference& difference, const Coder& coder,
                                                const ChunkTable& chunks, Description description,
                                                std::uint64_t frame_size, std::uint64_t data_size);

}  // namespace zipnn
