// SPDX-License-Identifier: MIT
#include "legacy/chunk_layout.hpp"

#include <algorithm>

namespace zipnn::legacy {
namespace {

constexpr std::uint64_t first_chunk_bytes = 2 * max_block;

std::uint64_t count_of(std::uint64_t size, std::uint64_t chunk) {
    return size / chunk + (size % chunk != 0 ? 1 : 0);
}

/// Checks each piece's length against the layout. What is decoded is then at most `max_block` bytes for each
/// coded piece, and otherwise as long as what is there.
void check_pieces(const Chunks& chunks) {
    for (std::size_t plane = 0; plane < chunks.planes; ++plane) {
        std::uint64_t begin = 0;
        for (std::size_t chunk = 0; chunk < chunks.count; ++chunk) {
            const std::uint64_t end = chunks.piece_end(plane, chunk), size = chunks.piece_size(plane, chunk);
            if (end < begin) throw CorruptError("chunk table is not in order");
            const std::uint64_t stored = end - begin;
            const bool coded = chunks.coded[plane * chunks.count + chunk] != 0;
            if (coded ? stored > size || (stored == 0 && size != 0) : stored != size)
                throw CorruptError("chunk has a wrong size");
            if (coded && stored != size && size > max_block) throw CorruptError("chunk is too large");
            begin = end;
        }
    }
}

/// Where the planes begin, the first at `begin`; returns where the last ends.
std::uint64_t place_planes(Chunks& chunks, std::uint64_t begin, std::uint64_t end) {
    chunks.begin.clear();
    for (std::size_t plane = 0; plane < chunks.planes; ++plane) {
        chunks.begin.push_back(begin);
        const std::uint64_t size = chunks.count == 0 ? 0 : chunks.piece_end(plane, chunks.count - 1);
        if (size > end - begin) throw CorruptError("plane is truncated");
        begin += size;
    }
    return begin;
}

void append_ends(std::vector<std::uint64_t>& ends, Bytes table) {
    for (std::size_t at = 0; at < table.size(); at += 8)
        ends.push_back(load_le<std::uint64_t>(table.data() + at));
}

/// The layout with a chunk size of which the frame need not be made.
Chunks try_chunks(Prefix prefix, const Header& header, unsigned chunk_log2) {
    Chunks chunks;
    chunks.planes = header.element == Element::float32 ? 4 : header.element == Element::float8 ? 1 : 2;
    chunks.chunk_bytes = std::uint64_t{1} << chunk_log2;
    if (chunks.planes == 1) chunks.chunk_bytes = std::min(chunks.chunk_bytes, max_block);
    chunks.data_size = header.original_size.value_or(0);
    chunks.move = header.move();
    const std::uint64_t count = count_of(chunks.data_size, chunks.chunk_bytes);
    // Where both planes have half the size, rounded down, an odd last byte is lost.
    if (header.family == Family::c) chunks.data_size &= ~std::uint64_t{1};
    if (count > prefix.left() / (9 * chunks.planes)) throw CorruptError("chunk table is truncated");
    chunks.count = static_cast<std::size_t>(count);
    const std::size_t pieces = chunks.planes * chunks.count;
    const Bytes coded = prefix.peek(pieces, "chunk table");
    if (std::ranges::any_of(coded, [](std::uint8_t type) { return type > 1; }))
        throw CorruptError("chunk type is not known");
    const Bytes ends = prefix.peek(9 * pieces, "chunk table").subspan(pieces);
    chunks.coded.assign(coded.begin(), coded.end());
    append_ends(chunks.ends, ends);
    const std::uint64_t begin = prefix.position() + 9 * pieces;
    if (place_planes(chunks, begin, prefix.available()) != prefix.available())
        throw CorruptError("frame has a wrong size");
    check_pieces(chunks);
    return chunks;
}

/// Some frames name another chunk size than they have: that of an object's first call.
std::optional<Chunks> recover(const Prefix& prefix, const Header& header) {
    constexpr std::uint64_t small = 1 << 20;
    for (unsigned log2 = 1; log2 <= 40; ++log2) {
        // Not to read all of a large damaged file for tables that are larger than any real one's.
        if (prefix.available() > small && log2 < 10) continue;
        try {
            return try_chunks(prefix, header, log2);
        } catch (const CorruptError&) {
        }
    }
    return std::nullopt;
}

/// All is stored, with the sign bits moved.
Chunks read_stored(Prefix& prefix, const Header& header) {
    Chunks chunks;
    chunks.chunk_bytes = first_chunk_bytes;
    chunks.data_size = prefix.left();
    chunks.move = header.move();
    chunks.count = static_cast<std::size_t>(count_of(chunks.data_size, chunks.chunk_bytes));
    chunks.coded.assign(chunks.count, 0);
    for (std::size_t i = 0; i < chunks.count; ++i)
        chunks.ends.push_back(std::min(chunks.data_size, (i + 1) * chunks.chunk_bytes));
    chunks.begin = {prefix.position()};
    return chunks;
}

}  // namespace

std::uint64_t Chunks::chunk_size(std::size_t chunk) const {
    const std::uint64_t start = std::min(data_size, chunk * chunk_bytes);
    return std::min(chunk_bytes, data_size - start);
}

std::uint64_t Chunks::piece_size(std::size_t plane, std::size_t chunk) const {
    const std::uint64_t size = chunk_size(chunk);
    return size / planes + (plane < size % planes ? 1 : 0);
}

std::uint64_t Chunks::piece_begin(std::size_t plane, std::size_t chunk) const {
    return chunk == 0 ? 0 : piece_end(plane, chunk - 1);
}

Chunks read_chunks(Prefix& prefix, const Header& header) {
    try {
        return try_chunks(prefix, header, header.chunk_log2);
    } catch (const CorruptError&) {
        if (auto found = recover(prefix, header)) return *std::move(found);
        throw;
    }
}

Chunks read_first_chunks(Prefix& prefix, const Header& header) {
    std::array<std::uint8_t, 2> coded{};
    for (auto& plane : coded) {
        plane = prefix.read<std::uint8_t>("plane table");
        if (plane > 1) throw CorruptError("plane type is not known");
    }
    if (coded[0] == 0 && coded[1] == 0) return read_stored(prefix, header);

    const auto size = prefix.read<std::uint64_t>("plane table") / 2;
    const std::array sizes = {prefix.read<std::uint64_t>("plane table"),
                              prefix.read<std::uint64_t>("plane table")};
    Chunks chunks;
    chunks.planes = 2;
    chunks.chunk_bytes = first_chunk_bytes;
    chunks.data_size = 2 * size;
    chunks.move = header.move();
    const std::uint64_t count = count_of(size, max_block);
    if (prefix.read<std::uint64_t>("plane table") != count) throw CorruptError("wrong number of chunks");
    if (count > prefix.left() / 8) throw CorruptError("chunk table is truncated");
    chunks.count = static_cast<std::size_t>(count);
    for (const std::uint8_t plane : coded) {
        chunks.coded.insert(chunks.coded.end(), chunks.count, plane);
        if (plane != 0) {
            append_ends(chunks.ends, prefix.take(8 * count, "chunk table"));
        } else {
            for (std::uint64_t i = 1; i <= count; ++i) chunks.ends.push_back(std::min(size, i * max_block));
        }
    }
    place_planes(chunks, prefix.position(), prefix.available());
    for (std::size_t plane = 0; plane < 2; ++plane)
        if (sizes[plane] != (count == 0 ? 0 : chunks.piece_end(plane, chunks.count - 1)))
            throw CorruptError("plane has a wrong size");
    check_pieces(chunks);
    return chunks;
}

}  // namespace zipnn::legacy
