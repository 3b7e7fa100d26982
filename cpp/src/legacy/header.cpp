// SPDX-License-Identifier: MIT
#include "legacy/header.hpp"

#include <algorithm>

namespace zipnn::legacy {
namespace {

struct Type {
    std::uint8_t code;
    const char* name;
    std::size_t size;
    Element element;
};

constexpr Type types[] = {
    {1, "F32", 4, Element::float32},     {2, "F32", 4, Element::float32},     {4, "F16", 2, Element::float16},
    {5, "F16", 2, Element::float16},     {6, "BF16", 2, Element::bfloat16},   {15, "U32", 4, Element::uint32},
    {29, "F8_E4M3", 1, Element::float8}, {30, "F8_E5M2", 1, Element::float8},
};

/// Those of family A, whose layouts do not depend on them.
constexpr Type first_types[] = {
    {0, "U8", 1, Element::other},   {1, "F32", 4, Element::other},    {2, "F32", 4, Element::other},
    {3, "F64", 8, Element::other},  {4, "F64", 8, Element::other},    {5, "F16", 2, Element::other},
    {6, "F16", 2, Element::other},  {7, "BF16", 2, Element::other},   {8, "U8", 1, Element::other},
    {9, "I8", 1, Element::other},   {10, "I16", 2, Element::other},   {11, "I16", 2, Element::other},
    {12, "I32", 4, Element::other}, {13, "I32", 4, Element::other},   {14, "I64", 8, Element::other},
    {15, "I64", 8, Element::other}, {16, "BOOL", 1, Element::other},  {17, "C64", 8, Element::other},
    {18, "C64", 8, Element::other}, {19, "C128", 16, Element::other}, {20, "C128", 16, Element::other},
};

void set_type(std::span<const Type> known, std::uint8_t code, Frame& frame, Header& header) {
    const auto found = std::ranges::find(known, code, &Type::code);
    if (found == known.end()) throw CorruptError("dtype " + std::to_string(code) + " is not known");
    frame.dtype = found->name;
    frame.item_size = found->size;
    header.element = found->element;
}

/// The method of a number. HUFFMAN, like AUTO, names no general codec; where one is needed it is Zstandard.
void set_method(std::span<const char* const> names, std::uint8_t number, Frame& frame, Header& header) {
    if (number >= names.size()) throw CorruptError("method " + std::to_string(number) + " is not known");
    frame.method = names[number];
    header.codec = frame.method == "lz4"      ? Codec::lz4
                   : frame.method == "snappy" ? Codec::snappy
                                              : Codec::zstd;
}

Family family_of(std::uint8_t minor, std::uint8_t tiny) {
    constexpr std::array<std::uint8_t, 6> last = {0, 0, 4, 6, 0, 4};
    if (minor >= last.size() || tiny > last[minor] || minor < 2)
        throw UnsupportedVersionError("frame of zipnn 0." + std::to_string(minor) + "." +
                                      std::to_string(tiny) +
                                      ", which is not one of the versions 0.1 to 0.5.4");
    if (minor == 2) return Family::b;
    return minor == 3 && tiny < 5 ? Family::c : Family::d;
}

Header read_first(Bytes fixed, Frame& frame) {
    constexpr std::array methods = {"", "zstd", "lz4", "snappy"};
    Header header;
    header.version = frame.version;
    set_method(methods, fixed[4], frame, header);
    if (fixed[4] == 0) throw CorruptError("method 0 is not known");
    frame.delta = fixed[5] != 0;
    header.partitions = fixed[6];
    set_type(first_types, fixed[8], frame, header);
    frame.input = fixed[8] == 0 ? Input::bytes : Input::torch;
    if (fixed[9] > 1) throw CorruptError("lossy type " + std::to_string(fixed[9]) + " is not known");
    if (fixed[9] == 1 && fixed[11] == 1) {
        if (fixed[10] >= 64) throw CorruptError("lossy factor is out of range");
        if (frame.dtype != "F32" && frame.dtype != "F16") throw CorruptError("lossy data of a wrong dtype");
        header.integers = frame.item_size;
        frame.dtype = "F32";
        frame.item_size = 4;
        header.lossy = fixed[10];
    }
    return header;
}

}  // namespace

Move Header::move() const {
    if (!moved) return Move::none;
    if (element == Element::bfloat16) return Move::halves;
    return element == Element::float32 ? Move::words : Move::none;
}

Header read_header(Prefix& prefix, Frame& frame) {
    constexpr std::array methods_b = {"auto", "zstd", "huffman", "lz4", "snappy"};
    constexpr std::array methods = {"auto", "huffman", "zstd", "lz4", "snappy"};
    const Bytes fixed = prefix.take(16, "header");
    if (!is_legacy(fixed)) throw FormatError("not a frame of zipnn 0.1 to 0.5");
    if (fixed[3] == 1) {
        frame.version = {0, 1, 1};
        return read_first(fixed, frame);
    }
    frame.version = {fixed[2], fixed[3], fixed[4]};
    Header header;
    header.family = family_of(fixed[3], fixed[4]);
    header.version = frame.version;
    header.grouping = fixed[5];
    header.moved = fixed[6] != 0;
    set_method(header.family == Family::b ? std::span<const char* const>(methods_b) : methods, fixed[7],
               frame, header);
    if (fixed[8] < 1 || fixed[8] > 3)
        throw CorruptError("format " + std::to_string(fixed[8]) + " is not known");
    frame.input = static_cast<Input>(fixed[8]);
    if (fixed[9] > 2) throw CorruptError("delta type " + std::to_string(fixed[9]) + " is not known");
    frame.delta = fixed[9] != 0;
    frame.streaming = fixed[13] != 0;
    if (fixed[14] > 62) throw CorruptError("chunk size is out of range");
    header.chunk_log2 = fixed[14];
    set_type(types, fixed[15], frame, header);
    const bool first = header.family == Family::b;
    if (first && (header.element == Element::float8)) throw CorruptError("dtype is newer than the version");
    if (header.family == Family::d && header.element == Element::uint32)
        throw CorruptError("dtype is older than the version");
    if (first && fixed[4] == 4) header.frame_size = prefix.read<std::uint32_t>("header");
    if (!first) {
        header.original_size = prefix.read<std::uint64_t>("header");
        header.frame_size = prefix.read<std::uint64_t>("header");
    }
    return header;
}

std::vector<std::uint64_t> read_shape(Prefix& prefix) {
    std::vector<std::uint64_t> shape;
    for (unsigned left = prefix.read<std::uint8_t>("shape"); left > 0; --left) {
        switch (prefix.read<std::uint8_t>("shape")) {
            case 1: shape.push_back(prefix.read<std::uint8_t>("shape")); break;
            case 2: shape.push_back(prefix.read<std::uint16_t>("shape")); break;
            case 4: shape.push_back(prefix.read<std::uint32_t>("shape")); break;
            case 8: shape.push_back(prefix.read<std::uint64_t>("shape")); break;
            default: throw CorruptError("shape has a wrong width");
        }
    }
    return shape;
}

bool is_legacy(Bytes head) {
    return head.size() >= 4 && head[0] == 'Z' && head[1] == 'N' && head[2] == 0 && head[3] != 0;
}

}  // namespace zipnn::legacy
