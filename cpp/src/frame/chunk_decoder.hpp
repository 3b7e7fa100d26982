// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "frame/plane_decoder.hpp"
#include "frame/scratch.hpp"
#include "zipnn/frame.hpp"

namespace zipnn {

/// Decodes chunks that are made of planes, tile by tile: a tile's planes, its elements and their checksum
/// are made while they are in the nearest caches. Keeps its memory from chunk to chunk.
class ChunkDecoder {
  public:
    /// Fills `out` with a chunk, and checks it. Where `place` has a base, which may be `out` itself, the
    /// payload is the difference to it. Throws CorruptError.
    void decode(const DecodeTables& tables, Bytes payload, const Place& place, std::uint64_t checksum,
                MutableBytes out);

    /// Changes `out`, which holds a chunk of the base, by a payload of the sparse form, and checks it. Throws
    /// CorruptError, before anything is changed unless it is for the checksum.
    void decode_changes(const DecodeTables& tables, const Difference& difference, Bytes payload,
                        std::uint64_t checksum, MutableBytes out);

  private:
    /// Where the bytes of a tile's planes are.
    using Sources = std::array<const std::uint8_t*, max_planes>;

    bool has_symbol_escape(std::size_t plane, std::size_t tile, std::size_t count) const;
    /// Puts plane 0's escapes into `count` elements that are merged already.
    void replace_symbols(const Coder& coder, std::size_t tile, std::uint8_t* elements, std::size_t count);
    void decode_tile(const Coder& coder, std::size_t tile, std::size_t count, std::uint8_t* elements);
    void apply_symbol_escapes(std::size_t plane, std::size_t tile, std::size_t count,
                              const std::uint8_t*& symbols);
    void open(const DecodeTables& tables, std::size_t planes, Cursor& cursor, const Place& place,
              std::size_t n);
    void decode_ahead(std::size_t planes);
    /// Positions and differences of `count` changed elements among `n`, from planes that are open.
    void decode_entries(const Coder& coder, const Difference& difference, std::size_t count, std::size_t n);
    void apply_exponents(const Layout& layout, std::size_t tile, std::size_t count, std::uint8_t* elements);

    std::array<PlaneDecoder, max_planes> planes_;
    std::array<std::size_t, max_planes> next_escape_{};  ///< of each plane's symbol escapes
    std::size_t next_exponent_ = 0;
    const std::uint8_t* extra_ = nullptr;  ///< packed extra bits, if plane 0 has them
    alignas(64) std::array<TileBuffer, max_planes> buffers_;
    alignas(64) std::array<std::uint8_t, 8 * tile_elements> difference_;  ///< a tile's
    std::vector<std::uint32_t> positions_;
    Scratch changes_;
};

}  // namespace zipnn
