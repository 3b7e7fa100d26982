// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include "frame/scratch.hpp"
#include "legacy/chunk_layout.hpp"
#include "legacy/huffman_block.hpp"
#include "zipnn/pool.hpp"

namespace zipnn::legacy {
namespace {

constexpr std::size_t max_planes_here = 4;
using Planes = std::array<const std::uint8_t*, max_planes_here>;

std::uint32_t unmoved(Move move, std::uint32_t word) {
    if (move == Move::halves)
        return (word & 0x00800080U) << 8 | (word >> 1 & 0x7f807f80U) | (word & 0x007f007fU);
    return (word & 0x00800000U) << 8 | (word >> 1 & 0x7f800000U) | (word & 0x007fffffU);
}

/// The order of the planes in which the layouts of today have them.
Planes highest_first(const Planes& planes, std::size_t width) {
    Planes turned{};
    std::reverse_copy(planes.begin(), planes.begin() + static_cast<std::ptrdiff_t>(width), turned.begin());
    return turned;
}

/// Puts a chunk together from its planes, with the signs where they belong.
void merge(const Chunks& chunks, const Planes& planes, MutableBytes out) {
    const std::size_t width = chunks.planes, whole = out.size() / width;
    const Kernels& kernels = active_kernels();
    // Signs were moved in words of 32 bits: an odd half word keeps its own.
    const bool moved = chunks.move != Move::none;
    const std::size_t first = moved ? out.size() / 4 * 4 / width : whole;
    if (moved)
        (width == 2 ? kernels.merge_moved16 : kernels.merge_moved32)(planes.data(), first, out.data());
    else
        kernels.merge(width == 2 ? LayoutId::split16 : LayoutId::split32, 0,
                      highest_first(planes, width).data(), first, out.data());
    for (std::size_t at = first * width; at < out.size(); ++at) out[at] = planes[at % width][at / width];
}

struct Piece {
    Bytes bytes;
    bool coded;
    std::size_t size;
};

/// A piece that is not stored is decoded into `room`.
const std::uint8_t* decode_piece(const Piece& piece, std::uint8_t* room) {
    if (piece.bytes.size() == piece.size) return piece.bytes.data();
    if (!piece.coded) throw CorruptError("stored chunk has a wrong size");
    decode_huffman_block(piece.bytes, {room, piece.size});
    return room;
}

void decode_chunk(const Chunks& chunks, std::span<const Piece> pieces, MutableBytes out) {
    thread_local Scratch scratch;
    if (chunks.planes == 1) {
        const std::uint8_t* data = decode_piece(pieces[0], out.data());
        if (data != out.data()) std::copy_n(data, out.size(), out.data());
        return undo_move(chunks.move, out);
    }
    std::size_t used = 0;
    for (const Piece& piece : pieces) used += piece.bytes.size() == piece.size ? 0 : piece.size;
    std::uint8_t* room = scratch.reserve(used);
    Planes planes{};
    for (std::size_t p = 0; p < pieces.size(); ++p) {
        planes[p] = decode_piece(pieces[p], room);
        if (planes[p] == room) room += pieces[p].size;
    }
    merge(chunks, planes, out);
}

}  // namespace

void decode_chunks(const Chunks& chunks, std::size_t first, std::size_t count, std::span<const Bytes> sources,
                   MutableBytes out, unsigned threads) {
    if (first > chunks.count || count > chunks.count - first || sources.size() != chunks.planes)
        throw std::invalid_argument("no such chunks");
    if (count == 0) return;
    const std::uint64_t start = std::min(chunks.data_size, first * chunks.chunk_bytes);
    const std::size_t last = first + count - 1;
    if (out.size() != std::min(chunks.data_size, last * chunks.chunk_bytes) + chunks.chunk_size(last) - start)
        throw std::invalid_argument("output has a wrong size");
    for (std::size_t p = 0; p < chunks.planes; ++p)
        if (sources[p].size() != chunks.piece_end(p, last) - chunks.piece_begin(p, first))
            throw std::invalid_argument("pieces have a wrong size");

    parallel_for(count, threads, [&](std::size_t i) {
        const std::size_t chunk = first + i;
        std::array<Piece, max_planes_here> pieces{};
        for (std::size_t p = 0; p < chunks.planes; ++p) {
            const std::uint64_t begin = chunks.piece_begin(p, chunk);
            pieces[p] = {
                sources[p].subspan(begin - chunks.piece_begin(p, first), chunks.piece_end(p, chunk) - begin),
                chunks.coded[p * chunks.count + chunk] != 0, chunks.piece_size(p, chunk)};
        }
        const MutableBytes target = out.subspan(
            std::min(chunks.data_size, chunk * chunks.chunk_bytes) - start, chunks.chunk_size(chunk));
        try {
            decode_chunk(chunks, {pieces.data(), chunks.planes}, target);
        } catch (const CorruptError& error) {
            throw CorruptError("chunk " + std::to_string(chunk) + ": " + error.what());
        }
    });
}

void undo_move(Move move, MutableBytes data) {
    if (move == Move::none) return;
    for (std::size_t at = 0; at + 4 <= data.size(); at += 4)
        store_le(data.data() + at, unmoved(move, load_le<std::uint32_t>(data.data() + at)));
}

}  // namespace zipnn::legacy
