// SPDX-License-Identifier: MIT
#include <algorithm>

#include "legacy/chunk_layout.hpp"
#include "legacy/header.hpp"

/// What follows the header, in all versions.
namespace zipnn::legacy {
namespace {

std::uint64_t end_of(const Chunks& chunks, std::uint64_t begin) {
    if (chunks.count == 0) return begin;
    return chunks.begin.back() + chunks.piece_end(chunks.planes - 1, chunks.count - 1);
}

std::uint64_t end_of(const Parts& parts) {
    std::uint64_t end = parts.begin;
    for (const auto& part : parts.parts) end += part.size;
    return end;
}

/// The table of one or four parts: whether each is coded, and its size.
void read_parts(Prefix& prefix, std::size_t count, Parts& parts) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto coded = prefix.read<std::uint8_t>("plane table");
        if (coded > 1) throw CorruptError("plane type is not known");
        parts.parts.push_back({coded != 0, 0});
    }
    for (auto& part : parts.parts) part.size = prefix.read<std::uint64_t>("plane table");
    parts.begin = prefix.position();
    std::uint64_t left = prefix.left();
    for (const auto& part : parts.parts) {
        if (part.size > left) throw CorruptError("plane is truncated");
        left -= part.size;
    }
}

/// All that is left, coded as a whole.
Parts one_part(const Prefix& prefix, const Header& header) {
    Parts parts;
    parts.codec = header.codec;
    parts.begin = prefix.position();
    parts.parts.push_back({true, prefix.left()});
    return parts;
}

Parts read_planes(Prefix& prefix, const Header& header) {
    Parts parts;
    parts.codec = header.codec;
    parts.begin = prefix.position();
    parts.move = header.move();
    parts.even = header.family != Family::a;
    if (prefix.left() != 0) read_parts(prefix, 4, parts);
    return parts;
}

Parts read_uint32(Prefix& prefix, const Header& header) {
    Parts parts;
    parts.codec = header.codec;
    parts.begin = prefix.position();
    switch (header.grouping) {
        case 1: parts.stored_bytes = 1; break;
        case 9: parts.stored_bytes = 2; break;
        case 41: parts.stored_bytes = 3; break;
        case 255: break;
        default: throw CorruptError("byte grouping " + std::to_string(header.grouping) + " is not known");
    }
    if (prefix.left() != 0) read_parts(prefix, 1, parts);
    return parts;
}

/// Whether the four planes of a frame of family A begin here, without a shape: their sizes add up.
bool planes_fit(Prefix prefix) {
    try {
        Parts parts;
        read_parts(prefix, 4, parts);
        return end_of(parts) == prefix.available();
    } catch (const CorruptError&) {
        return false;
    }
}

void read_family_a(Prefix& prefix, const Header& header, Frame& frame) {
    Parts parts;
    if (header.partitions == 0) {
        parts = one_part(prefix, header);
    } else {
        if (!planes_fit(prefix)) frame.shape = read_shape(prefix);
        parts = read_planes(prefix, header);
    }
    parts.integers = header.integers;
    parts.scale = header.lossy.value_or(0);
    frame.frame_size = end_of(parts);
    if (frame.input == Input::bytes) frame.shape.reset();
    frame.body = std::move(parts);
}

/// The body after header and shape, and thereby where the frame ends.
void read_body(Prefix& prefix, const Header& header, Frame& frame) {
    const bool halves = header.element == Element::float16 || header.element == Element::bfloat16;
    const std::uint64_t begin = prefix.position();
    if (header.family == Family::d || (header.family == Family::c && halves)) {
        Chunks chunks = read_chunks(prefix, header);
        frame.frame_size = end_of(chunks, begin + 9 * chunks.planes * chunks.count);
        frame.body = std::move(chunks);
    } else if (halves) {
        Chunks chunks = read_first_chunks(prefix, header);
        frame.frame_size = end_of(chunks, prefix.position());
        frame.body = std::move(chunks);
    } else {
        Parts parts =
            header.element == Element::uint32 ? read_uint32(prefix, header) : read_planes(prefix, header);
        frame.frame_size = end_of(parts);
        frame.body = std::move(parts);
    }
}

/// The header is there twice, and then comes the whole input as a codec makes it.
bool is_repeated(const Prefix& prefix, const Frame& frame) {
    if (frame.input != Input::bytes || prefix.left() < 16) return false;
    const Bytes next = prefix.peek(2, "header");
    return next[0] == 'Z' && next[1] == 'N';
}

void read_single(Prefix& prefix, const Header& header, Frame& frame) {
    Parts parts = one_part(prefix, header);
    frame.frame_size = prefix.available();
    frame.body = std::move(parts);
}

/// A tensor's frame. Where no shape follows, the whole input does, and the sizes in the header mean nothing.
void read_tensor(Prefix& prefix, const Header& header, Frame& frame) {
    const Prefix before = prefix;
    try {
        frame.shape = read_shape(prefix);
    } catch (const CorruptError&) {
        prefix = before;
        frame.shape.reset();
        if (header.element == Element::float8 || header.element == Element::uint32) throw;
        return read_single(prefix, header, frame);
    }
    if (header.frame_size) {
        if (*header.frame_size > prefix.available()) throw CorruptError("frame is truncated");
        if (*header.frame_size < prefix.position()) throw CorruptError("frame has a wrong size");
        prefix.end_at(*header.frame_size);
    }
    read_body(prefix, header, frame);
}

void read_bytes(Prefix& prefix, const Header& header, Frame& frame) {
    if (header.frame_size) {
        if (*header.frame_size > prefix.available()) throw CorruptError("frame is truncated");
        if (*header.frame_size < prefix.position()) throw CorruptError("frame has a wrong size");
        prefix.end_at(*header.frame_size);
    }
    if (is_repeated(prefix, frame)) {
        prefix.take(prefix.position(), "header");
        return read_single(prefix, header, frame);
    }
    read_body(prefix, header, frame);
}

/// What the shape says must be what is there, where that is known.
void check(const Frame& frame, const Header& header) {
    if (header.frame_size && frame.shape && frame.frame_size != *header.frame_size)
        throw CorruptError("frame has a wrong size");
    if (header.frame_size && frame.input == Input::bytes && frame.frame_size != *header.frame_size)
        throw CorruptError("frame has a wrong size");
    const auto size = frame.data_size();
    if (size && frame.shape && shape_size(frame) != *size)
        throw CorruptError("data are not a tensor of the frame's shape");
}

}  // namespace

std::uint64_t shape_size(const Frame& frame) {
    constexpr std::uint64_t most = std::uint64_t{1} << 62;
    std::uint64_t size = frame.item_size;
    bool beyond = false;
    for (const std::uint64_t extent : frame.shape.value_or(std::vector<std::uint64_t>())) {
        if (extent == 0) return 0;
        beyond |= extent > most / size;
        if (!beyond) size *= extent;
    }
    if (beyond) throw CorruptError("shape is too large");
    return size;
}

std::optional<std::uint64_t> Frame::data_size() const {
    if (const auto* chunks = std::get_if<Chunks>(&body)) return chunks->data_size;
    const auto& parts = std::get<Parts>(body);
    if (parts.integers != 0 || std::ranges::any_of(parts.parts, &Parts::Part::coded)) return std::nullopt;
    const std::uint64_t stored = end_of(parts) - parts.begin;
    return stored / parts.stored_bytes * 4 + (parts.stored_bytes == 4 ? stored % 4 : 0);
}

std::variant<std::uint64_t, Frame> parse(Bytes bytes, std::uint64_t available) {
    Prefix prefix(bytes, available);
    Frame frame;
    try {
        const Header header = read_header(prefix, frame);
        if (header.family == Family::a)
            read_family_a(prefix, header, frame);
        else if (frame.input == Input::bytes)
            read_bytes(prefix, header, frame);
        else
            read_tensor(prefix, header, frame);
        check(frame, header);
        return frame;
    } catch (const NeedMore& need) {
        return need.size;
    }
}

}  // namespace zipnn::legacy
