// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "bytes.hpp"
#include "frame/plane_decoder.hpp"

namespace zipnn {

/// Decodes chunks that are made of planes, tile by tile: a tile's planes, its elements and their checksum
/// are made while they are in the nearest caches. Keeps its memory from chunk to chunk.
class ChunkDecoder {
  public:
    /// Fills `out` with the chunk that begins with element `first` of the tensor, and checks it. Throws
    /// CorruptError.
    void decode(const DecodeTables& tables, Bytes payload, std::uint64_t first, std::uint64_t checksum,
                MutableBytes out);

  private:
    /// Where the bytes of a tile's planes are.
    using Sources = std::array<const std::uint8_t*, max_planes>;

    bool has_symbol_escape(std::size_t plane, std::size_t tile, std::size_t count) const;
    /// Puts plane 0's escapes into `count` elements that are merged already.
    void replace_symbols(const Coder& coder, std::size_t tile, std::uint8_t* elements, std::size_t count);
    void decode_tile(const Coder& coder, std::size_t tile, std::size_t count, std::uint8_t* elements);
    void apply_symbol_escapes(std::size_t plane, std::size_t tile, std::size_t count,
                              const std::uint8_t*& symbols);
    void apply_exponents(const Layout& layout, std::size_t tile, std::size_t count, std::uint8_t* elements);

    std::array<PlaneDecoder, max_planes> planes_;
    std::array<std::size_t, max_planes> next_escape_{};  ///< of each plane's symbol escapes
    std::size_t next_exponent_ = 0;
    const std::uint8_t* extra_ = nullptr;  ///< packed extra bits, if plane 0 has them
    alignas(64) std::array<TileBuffer, max_planes> buffers_;
};

}  // namespace zipnn
