// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "zipnn/frame.hpp"

/// Whole frames, made and decoded in memory of their own.
namespace zipnn {

inline std::vector<std::uint8_t> compressed(Bytes data, Family family, const Description& description,
                                            Level level, std::uint64_t align = 1, unsigned threads = 1) {
    std::vector<std::uint8_t> frame(stored_size(data.size(), description, align));
    frame.resize(compress(data, family, description, level, align, threads, frame));
    return frame;
}

inline std::vector<std::uint8_t> decode(Bytes frame, unsigned threads = 1) {
    const Head head = parse_head(frame, frame.size());
    if (head.frame_size != frame.size()) throw CorruptError("stray bytes");
    std::vector<std::uint8_t> out(head.data_size);
    check_padding(head, frame.subspan(head.offsets.back()));
    decode_chunks(head, frame.subspan(head.head_size, head.offsets.back() - head.head_size), 0,
                  head.chunk_count(), out, threads);
    return out;
}

}  // namespace zipnn
