// SPDX-License-Identifier: MIT
#include <algorithm>
#include <memory>

#include "legacy/codecs.hpp"
#include "legacy/huffman_block.hpp"
#include "legacy/xxhash.hpp"
#include "legacy/zstd_sequences.hpp"

namespace zipnn::legacy {
namespace {

constexpr const char* what = "Zstandard frame";
constexpr std::uint32_t magic = 0xFD2FB528U;
constexpr std::size_t max_zstd_block = 128 << 10;

struct ZstdHeader {
    std::optional<std::uint64_t> size;
    bool checksum;
};

std::uint64_t read_little(Cursor& cursor, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
        value |= std::uint64_t{cursor.read<std::uint8_t>(what)} << (8 * i);
    return value;
}

ZstdHeader read_zstd_header(Cursor& cursor) {
    if (cursor.read<std::uint32_t>(what) != magic) throw CorruptError("not a Zstandard frame");
    const auto flags = cursor.read<std::uint8_t>(what);
    const bool single = (flags & 0x20) != 0;
    const unsigned size_code = flags >> 6;
    if ((flags & 8) != 0) throw CorruptError("Zstandard frame has an unknown header");
    if (!single) cursor.read<std::uint8_t>(what);  // the window: here all of what is decoded
    constexpr std::array<std::size_t, 4> dictionary_sizes = {0, 1, 2, 4};
    if (read_little(cursor, dictionary_sizes[flags & 3]) != 0)
        throw CorruptError("Zstandard frame needs a dictionary");
    ZstdHeader header{};
    header.checksum = (flags & 4) != 0;
    if (single || size_code != 0) {
        const std::size_t bytes = std::size_t{1} << size_code;
        header.size = read_little(cursor, bytes) + (bytes == 2 ? 256 : 0);
    }
    return header;
}

/// What the blocks of a frame share.
class ZstdBlocks {
  public:
    void decode(Bytes block, std::vector<std::uint8_t>& out) {
        Cursor cursor(block);
        const Bytes literals = read_literals(cursor);
        sequences_.decode(cursor, literals, max_zstd_block, out);
    }

  private:
    /// RFC 8878, 3.1.1.3.1.
    Bytes read_literals(Cursor& cursor) {
        const unsigned head = cursor.read<std::uint8_t>(what), type = head & 3, format = head >> 2 & 3;
        if (type < 2) {
            // Sizes of 5, 12 or 20 bits.
            std::size_t size = head >> 3;
            if (format % 2 != 0) size = head >> 4 | read_little(cursor, format == 1 ? 1 : 2) << 4;
            check_size(size);
            if (type == 0) return cursor.take(size, what);
            room_.assign(size, cursor.read<std::uint8_t>(what));
            return room_;
        }
        // Two sizes of 10, 14 or 18 bits.
        const unsigned bits = format < 2 ? 10 : format == 2 ? 14 : 18;
        const std::uint64_t sizes = head >> 4 | read_little(cursor, (2 * bits + 4) / 8 - 1) << 4;
        const auto size = static_cast<std::size_t>(sizes & ((1U << bits) - 1));
        check_size(size);
        Cursor coded(cursor.take(static_cast<std::size_t>(sizes >> bits), what));
        if (type == 2) {
            if (!table_) table_ = std::make_unique<BackwardTable>();
            read_huffman_tree(coded, *table_);
        } else if (!table_) {
            throw CorruptError("Zstandard block repeats a tree that is not there");
        }
        room_.resize(size);
        decode_huffman(*table_, coded.take(coded.left(), what), format == 0 ? 1 : 4, room_);
        return room_;
    }

    static void check_size(std::size_t size) {
        if (size > max_zstd_block) throw CorruptError("Zstandard block is too long");
    }

    ZstdSequences sequences_;
    std::unique_ptr<BackwardTable> table_;
    std::vector<std::uint8_t> room_;
};

/// Reads a block of the frame; false if it was the last.
bool read_block(Cursor& cursor, ZstdBlocks& blocks, std::vector<std::uint8_t>& out) {
    const auto head = static_cast<std::uint32_t>(read_little(cursor, 3));
    const std::size_t size = head >> 3;
    if (size > max_zstd_block) throw CorruptError("Zstandard block is too long");
    switch (head >> 1 & 3) {
        case 0: append(out, cursor.take(size, what)); break;
        case 1: out.insert(out.end(), size, cursor.read<std::uint8_t>(what)); break;
        case 2: blocks.decode(cursor.take(size, what), out); break;
        default: throw CorruptError("Zstandard block is of an unknown type");
    }
    return (head & 1) == 0;
}

}  // namespace

std::vector<std::uint8_t> decode_zstd(Bytes frame) {
    Cursor cursor(frame);
    const ZstdHeader header = read_zstd_header(cursor);
    std::vector<std::uint8_t> out;
    ZstdBlocks blocks;
    while (read_block(cursor, blocks, out))
        if (header.size && out.size() > *header.size) break;
    if (header.size && out.size() != *header.size) throw CorruptError("Zstandard frame has a wrong size");
    if (header.checksum && cursor.read<std::uint32_t>(what) != static_cast<std::uint32_t>(xxh64(out)))
        throw CorruptError("Zstandard frame: checksum differs");
    if (cursor.left() != 0) throw CorruptError("stray bytes after the Zstandard frame");
    return out;
}

}  // namespace zipnn::legacy
