// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "bytes.hpp"
#include "frame/coder.hpp"

namespace zipnn {

/// A plane's bytes and the slack that kernels may write behind (and, for Huffman, before) them.
class PlaneScratch {
  public:
    std::uint8_t* reserve(std::size_t size) {
        if (capacity_ < size) {
            memory_ = std::make_unique_for_overwrite<std::uint8_t[]>(size + 2 * slack);
            capacity_ = size;
        }
        return data();
    }
    std::uint8_t* data() { return memory_ ? memory_.get() + slack : nullptr; }

  private:
    std::unique_ptr<std::uint8_t[]> memory_;
    std::size_t capacity_ = 0;
};

/// Planes of the chunk that this thread works on; kept from chunk to chunk.
std::array<PlaneScratch, max_planes>& thread_scratch();

/// Decodes planes of a frame's chunks; made once for the frame, used by all threads.
class PlaneDecoder {
  public:
    /// `readable`: the bytes around all payloads; kernels may read behind a tile, within it.
    PlaneDecoder(const Coder& coder, Bytes readable);

    const Coder& coder() const { return coder_; }

    /// The `n` bytes of plane `plane`: in the payload if stored, else in `scratch`. Positions of
    /// escapes with the overflow bit are appended to `overflows`, where a packed plane 1 takes its bits
    /// from. Throws CorruptError.
    const std::uint8_t* decode(std::size_t plane, Cursor& cursor, std::size_t n, PlaneScratch& scratch,
                               std::vector<std::uint32_t>& overflows) const;

  private:
    void decode_tiles(std::size_t plane, Cursor& cursor, std::size_t n, std::uint8_t* out) const;
    void apply_escapes(std::size_t plane, Cursor& cursor, std::size_t n, std::uint8_t* out,
                       std::vector<std::uint32_t>& overflows) const;

    const Coder& coder_;
    const std::uint8_t* readable_end_;
    /// Decode tables of the Huffman tables, by plane and table.
    std::array<std::array<std::unique_ptr<HuffmanDecodeTable>, max_tables>, max_planes> huffman_;
};

}  // namespace zipnn
