// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "bytes.hpp"
#include "frame/coder.hpp"
#include "frame/context_decoder.hpp"
#include "frame/scratch.hpp"

namespace zipnn {

inline constexpr std::size_t max_tiles = (std::size_t{1} << max_coded_chunk_log2) / tile_elements;

/// Bytes of one tile of a plane, with the slack that kernels may write behind them.
using TileBuffer = std::array<std::uint8_t, tile_elements + slack>;

/// The decode tables of a frame, made once for it and used by all threads.
class DecodeTables {
  public:
    /// `readable`: the bytes around all payloads; kernels may read behind a tile, within it.
    /// `elements`: how many are decoded with them.
    DecodeTables(const Coder& coder, Bytes readable, std::uint64_t elements);

    const Coder& coder() const { return coder_; }
    const std::uint8_t* readable_end() const { return readable_end_; }
    /// Null if the table is not a Huffman table.
    const HuffmanDecodeTable* huffman(std::size_t plane, std::size_t table) const {
        return huffman_[plane][table].get();
    }
    /// Null if the plane has no context table.
    const ContextDecoder* contexts(std::size_t plane) const { return contexts_[plane].get(); }

  private:
    const Coder& coder_;
    const std::uint8_t* readable_end_;
    std::array<std::array<std::unique_ptr<HuffmanDecodeTable>, max_tables>, max_planes> huffman_;
    std::array<std::unique_ptr<ContextDecoder>, max_planes> contexts_;
};

/// One plane of one chunk, given out tile by tile. An object is used for chunk after chunk.
class PlaneDecoder {
  public:
    /// Reads mode and data of plane `plane` of `n` bytes of a chunk. Throws CorruptError.
    void open(const DecodeTables& tables, std::size_t plane, Cursor& cursor, const Place& place,
              std::size_t n);

    /// Decodes what does not go tile by tile, before `tile`: Huffman codes, which go several tiles at a time,
    /// and planes with contexts. Asks for `next` meanwhile. Throws CorruptError.
    void decode_ahead(Bytes next);

    /// The plane's bytes, if they are stored.
    Bytes memory() const;

    /// The bytes of a tile: where they are already, or in `buffer`. Escapes are not applied.
    const std::uint8_t* tile(std::size_t index, TileBuffer& buffer) const;

    /// The tile's groups as they were coded, packed(4, n), if they were coded in pairs; else null.
    const std::uint8_t* pairs(std::size_t index) const;

    /// How the bytes of the tile are ranks' groups; null if they are symbols.
    const Ranking* ranking(std::size_t index) const;

    /// Escapes (docs/format.md, 2.5) of symbols, and of exponents outside a window, by position.
    const std::vector<std::uint32_t>& symbol_escapes() const { return symbol_escapes_; }
    const std::vector<std::uint32_t>& exponent_escapes() const { return exponent_escapes_; }

    /// Whether tiles may have classes.
    bool tiled() const { return mode_ == PlaneMode::tiles || mode_ == PlaneMode::tiles_with_escapes; }

  private:
    void read_directory(Cursor& cursor);
    void read_packed(Cursor& cursor);
    void read_contexts(Cursor& cursor);
    bool has_contexts() const {
        return mode_ == PlaneMode::contexts || mode_ == PlaneMode::contexts_with_escapes;
    }
    void read_escapes(Cursor& cursor);
    std::size_t tile_count() const { return (n_ + tile_elements - 1) / tile_elements; }
    std::size_t elements_of(std::size_t index) const {
        return std::min(tile_elements, n_ - index * tile_elements);
    }
    /// The payload, or a copy of it if kernels may not read behind it.
    Bytes with_slack(Bytes payload);
    /// The table of a tile; null if it is stored, or planes have no tiles.
    const Table* table_of(std::size_t index) const;

    const DecodeTables* tables_ = nullptr;
    const std::vector<Table>* plane_tables_ = nullptr;
    std::size_t plane_ = 0, n_ = 0;
    Place place_;
    PlaneMode mode_ = PlaneMode::stored;
    const std::uint8_t* stored_ = nullptr;
    std::uint8_t value_ = 0;
    std::array<std::uint8_t, max_tiles> classes_{};
    std::array<Bytes, max_tiles> payloads_{};
    Bytes coded_;  ///< the plane's code, if it has contexts
    std::vector<std::uint32_t> symbol_escapes_, exponent_escapes_;
    /// What was decoded ahead of the tiles, each at its place; `slack` before and behind.
    Scratch decoded_;
    /// Copies of payloads at the very end of the readable bytes.
    std::vector<std::unique_ptr<std::uint8_t[]>> copies_;
};

}  // namespace zipnn
