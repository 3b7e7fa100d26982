// SPDX-License-Identifier: MIT
#include <algorithm>

#include "legacy/codecs.hpp"
#include "legacy/xxhash.hpp"

namespace zipnn::legacy {
namespace {

constexpr const char* what = "LZ4 frame";
constexpr std::uint32_t magic = 0x184D2204;
constexpr std::uint32_t stored_flag = 0x80000000U;
constexpr std::size_t least_match = 4;

struct Lz4Header {
    bool linked;
    bool block_checksums;
    bool checksum;
    std::optional<std::uint64_t> size;
    std::size_t block_size;
};

Lz4Header read_lz4_header(Cursor& cursor, Bytes frame) {
    if (cursor.read<std::uint32_t>(what) != magic) throw CorruptError("not an LZ4 frame");
    const std::size_t begin = cursor.position();
    const auto flags = cursor.read<std::uint8_t>(what), sizes = cursor.read<std::uint8_t>(what);
    if (flags >> 6 != 1 || (flags & 2) != 0 || (sizes & 0x8f) != 0 || sizes >> 4 < 4)
        throw CorruptError("LZ4 frame has an unknown header");
    if ((flags & 1) != 0) throw CorruptError("LZ4 frame needs a dictionary");
    Lz4Header header{};
    header.linked = (flags & 0x20) == 0;
    header.block_checksums = (flags & 0x10) != 0;
    header.checksum = (flags & 4) != 0;
    header.block_size = std::size_t{1} << (8 + 2 * (sizes >> 4));
    if ((flags & 8) != 0) header.size = cursor.read<std::uint64_t>(what);
    const Bytes described = frame.subspan(begin, cursor.position() - begin);
    if (cursor.read<std::uint8_t>(what) != (xxh32(described) >> 8 & 0xff))
        throw CorruptError("LZ4 frame: checksum of the header differs");
    return header;
}

/// A length that goes on in further bytes as long as they are 255.
std::size_t read_length(Cursor& cursor, unsigned nibble) {
    std::size_t length = nibble;
    if (nibble < 15) return length;
    while (true) {
        const auto byte = cursor.read<std::uint8_t>(what);
        length += byte;
        if (byte != 255) return length;
    }
}

/// Appends what the block holds, at most `limit` bytes; matches begin at `first` or later.
void decode_block(Bytes block, std::size_t first, std::size_t limit, std::vector<std::uint8_t>& out) {
    Cursor cursor(block);
    const std::size_t end = out.size() + limit;
    while (true) {
        const auto token = cursor.read<std::uint8_t>(what);
        const std::size_t literals = read_length(cursor, token >> 4);
        if (literals > end - out.size()) throw CorruptError("LZ4 block is too long");
        append(out, cursor.take(literals, what));
        if (cursor.left() == 0) return;
        const auto offset = cursor.read<std::uint16_t>(what);
        const std::size_t length = read_length(cursor, token & 0xfU) + least_match;
        if (length > end - out.size()) throw CorruptError("LZ4 block is too long");
        if (offset > out.size() - first) throw CorruptError("match begins before the data");
        append_match(out, offset, length);
    }
}

}  // namespace

std::vector<std::uint8_t> decode_lz4(Bytes frame) {
    Cursor cursor(frame);
    const Lz4Header header = read_lz4_header(cursor, frame);
    std::vector<std::uint8_t> out;
    while (const auto size = cursor.read<std::uint32_t>(what)) {
        const Bytes block = cursor.take(size & ~stored_flag, what);
        if (block.empty() || block.size() > header.block_size)
            throw CorruptError("LZ4 block has a wrong size");
        if (header.block_checksums && cursor.read<std::uint32_t>(what) != xxh32(block))
            throw CorruptError("LZ4 block: checksum differs");
        if ((size & stored_flag) != 0)
            append(out, block);
        else
            decode_block(block, header.linked ? 0 : out.size(), header.block_size, out);
    }
    if (header.checksum && cursor.read<std::uint32_t>(what) != xxh32(out))
        throw CorruptError("LZ4 frame: checksum differs");
    if (cursor.left() != 0) throw CorruptError("stray bytes after the LZ4 frame");
    if (header.size && *header.size != out.size()) throw CorruptError("LZ4 frame has a wrong size");
    return out;
}

}  // namespace zipnn::legacy
