// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// Frames that zipnn 0.1 to 0.5 wrote (docs/legacy.md). They are only read.
namespace zipnn::legacy {

enum class Input : std::uint8_t { bytes = 1, torch = 2, numpy = 3 };

/// Which sign bits lie below the exponent and have to go back, in whole words of 32 bits.
enum class Move : std::uint8_t { none, halves, words };

/// Data in chunks, each dealt out to planes byte by byte; the pieces of a plane follow each other.
struct Chunks {
    std::size_t planes = 1;
    std::uint64_t chunk_bytes = 0;  ///< decoded size of a whole chunk
    std::size_t count = 0;
    std::uint64_t data_size = 0;
    Move move = Move::none;
    std::vector<std::uint8_t> coded;   ///< of each piece, plane after plane: whether it is a Huffman block
    std::vector<std::uint64_t> ends;   ///< of each piece, from the beginning of its plane
    std::vector<std::uint64_t> begin;  ///< of each plane in the frame

    std::uint64_t chunk_size(std::size_t chunk) const;                     ///< decoded size
    std::uint64_t piece_size(std::size_t plane, std::size_t chunk) const;  ///< decoded size
    std::uint64_t piece_begin(std::size_t plane, std::size_t chunk) const;
    std::uint64_t piece_end(std::size_t plane, std::size_t chunk) const {
        return ends[plane * count + chunk];
    }
};

enum class Codec : std::uint8_t { zstd, lz4, snappy };

/// Data in one piece or in four planes, each stored or made by a general codec.
struct Parts {
    struct Part {
        bool coded;
        std::uint64_t size;
    };
    Codec codec = Codec::zstd;
    std::uint64_t begin = 0;  ///< of the first part in the frame
    std::vector<Part> parts;  ///< 0 (no data), 1 or 4
    Move move = Move::none;
    bool even = false;             ///< all planes have the same size
    std::size_t stored_bytes = 4;  ///< of an element that is widened to 4
    std::size_t integers = 0;      ///< size of integers that stand for float32 elements; 0: of none
    unsigned scale = 0;            ///< the power of two by which they are multiplied
};

struct Frame {
    std::array<std::uint8_t, 3> version{};
    std::string method;
    Input input = Input::bytes;
    std::string dtype;  ///< safetensors' name
    std::size_t item_size = 1;
    std::optional<std::vector<std::uint64_t>> shape;
    bool delta = false;
    bool streaming = false;
    std::uint64_t frame_size = 0;
    std::variant<Chunks, Parts> body;

    /// None where only decoding tells.
    std::optional<std::uint64_t> data_size() const;
};

/// Whether data that begin so are a frame of those versions, or of one between them.
bool is_legacy(std::span<const std::uint8_t> head);

/// The frame of which `prefix` is the beginning, or how much of it has to be given to tell.
/// `available`: bytes that there are, of this frame and of others behind it.
/// Throws CorruptError, FormatError, UnsupportedVersionError.
std::variant<std::uint64_t, Frame> parse(std::span<const std::uint8_t> prefix, std::uint64_t available);

/// Decodes `count` chunks from `first` on. `pieces` has for each plane the bytes from piece_begin of the
/// first to piece_end of the last.
void decode_chunks(const Chunks& chunks, std::size_t first, std::size_t count,
                   std::span<const std::span<const std::uint8_t>> pieces, std::span<std::uint8_t> out,
                   unsigned threads);

/// Decodes the data of a frame in parts, of which all bytes are given.
std::vector<std::uint8_t> decode_parts(const Frame& frame, std::span<const std::uint8_t> bytes,
                                       unsigned threads);

/// Puts the sign bits of elements of 2 or 4 bytes back where they belong, in whole words of 32 bits.
void undo_move(Move move, std::span<std::uint8_t> data);

}  // namespace zipnn::legacy
