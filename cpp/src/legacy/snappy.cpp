// SPDX-License-Identifier: MIT
#include "legacy/codecs.hpp"

namespace zipnn::legacy {
namespace {

constexpr const char* what = "Snappy block";

std::uint64_t read_size(Cursor& cursor) {
    std::uint64_t size = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        const auto byte = cursor.read<std::uint8_t>(what);
        size |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
        if (byte < 0x80) {
            if (size > 0xffffffffU) break;
            return size;
        }
    }
    throw CorruptError("Snappy block has a wrong size");
}

std::uint64_t read_little(Cursor& cursor, unsigned bytes) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= std::uint64_t{cursor.read<std::uint8_t>(what)} << (8 * i);
    return value;
}

/// The literal or copy that begins with `tag`.
void decode_element(Cursor& cursor, unsigned tag, std::vector<std::uint8_t>& out) {
    const unsigned upper = tag >> 2;
    switch (tag & 3) {
        case 0: {
            const std::uint64_t length = upper < 60 ? upper : read_little(cursor, upper - 59);
            append(out, cursor.take(length + 1, what));
            break;
        }
        case 1: append_match(out, (tag >> 5) << 8 | read_little(cursor, 1), 4 + (upper & 7)); break;
        case 2: append_match(out, read_little(cursor, 2), upper + 1); break;
        default: append_match(out, read_little(cursor, 4), upper + 1);
    }
}

}  // namespace

std::vector<std::uint8_t> decode_snappy(Bytes block) {
    Cursor cursor(block);
    const std::uint64_t size = read_size(cursor);
    std::vector<std::uint8_t> out;
    // The densest element makes 64 bytes of three.
    if (size / 64 > block.size() / 3) throw CorruptError("Snappy block has a wrong size");
    out.reserve(size);
    while (cursor.left() > 0) {
        decode_element(cursor, cursor.read<std::uint8_t>(what), out);
        if (out.size() > size) break;
    }
    if (out.size() != size) throw CorruptError("Snappy block has a wrong size");
    return out;
}

}  // namespace zipnn::legacy
