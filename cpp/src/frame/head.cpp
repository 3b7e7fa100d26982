// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <limits>

#include "frame/coder.hpp"
#include "frame/head.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/frame.hpp"

namespace zipnn {
namespace {

constexpr std::array<std::uint8_t, 4> magic = {0x9A, 0x5A, 0x4E, 0x46};
constexpr std::uint8_t flag_big_endian = 1, flag_reference = 2;
constexpr std::size_t checksum_at = 32, after_checksum = 40;
constexpr std::uint64_t max_padding = 7;

std::uint64_t head_checksum(Bytes head) {
    // One hash over the head without the hash itself.
    std::vector<std::uint8_t> hashed(head.begin(), head.begin() + checksum_at);
    append(hashed, head.subspan(after_checksum));
    return xxh3_64(hashed);
}

void check_magic_and_version(Bytes prefix) {
    if (prefix.size() < magic.size() || !std::equal(magic.begin(), magic.end(), prefix.begin()))
        throw FormatError("not a zipnn frame");
    if (prefix.size() > 4 && prefix[4] != format_version)
        throw UnsupportedVersionError("frame of format version " + std::to_string(prefix[4]) +
                                      ": a newer zipnn is needed");
}

/// ceil(data / chunk) without overflow.
std::uint64_t chunks_for(std::uint64_t data, std::uint64_t chunk) {
    return data / chunk + (data % chunk != 0 ? 1 : 0);
}

void read_description(Cursor& cursor, Head& head) {
    const std::size_t name_length = cursor.read<std::uint8_t>("frame head");
    const std::size_t dimensions = cursor.read<std::uint8_t>("frame head");
    head.chunk_log2 = cursor.read<std::uint8_t>("frame head");
    if (cursor.read<std::uint8_t>("frame head") != 0)
        throw UnsupportedVersionError("frame uses a reserved field: a newer zipnn is needed");
    if (name_length == 0 || name_length > max_dtype_name || dimensions > max_dimensions)
        throw CorruptError("frame head has a wrong dtype or shape");
    if (head.chunk_log2 < min_chunk_log2 || head.chunk_log2 > max_chunk_log2)
        throw CorruptError("frame head has a wrong chunk size");
    const Bytes name = cursor.take(name_length, "frame head");
    head.description.dtype.assign(name.begin(), name.end());
    for (std::size_t i = 0; i < dimensions; ++i)
        head.description.shape.push_back(cursor.read<std::uint64_t>("frame head"));
}

void read_reference(Cursor& cursor, Head& head) {
    if (head.layout != 0) throw CorruptError("reference frame has a layout");
    const Bytes name = cursor.take(cursor.read<std::uint16_t>("frame head"), "frame head");
    head.reference.emplace(name.begin(), name.end());
    head.offsets.push_back(head.head_size);
}

void read_chunks(Cursor& cursor, Head& head) {
    head.coder = std::make_shared<const Coder>(read_coder(cursor, static_cast<LayoutId>(head.layout)));
    const Layout& layout = head.coder->properties();
    if (layout.planes != 0 && head.chunk_log2 > max_coded_chunk_log2)
        throw CorruptError("frame head has a wrong chunk size");
    head.chunk_bytes = static_cast<std::uint64_t>(layout.width) << head.chunk_log2;
    const std::uint64_t count = chunks_for(head.data_size, head.chunk_bytes);
    if (count > cursor.left() / chunk_entry_size) throw CorruptError("chunk table runs past the head");
    head.offsets.reserve(count + 1);
    head.checksums.reserve(count);
    head.offsets.push_back(head.head_size);
    for (std::uint64_t i = 0; i < count; ++i) {
        head.offsets.push_back(head.offsets.back() + cursor.read<std::uint32_t>("chunk table"));
        head.checksums.push_back(cursor.read<std::uint64_t>("chunk table"));
    }
}

std::vector<std::uint8_t> serialise(std::uint8_t layout, unsigned chunk_log2, const Description& description,
                                    std::uint64_t frame_size, std::uint64_t data_size, Bytes sections) {
    const std::string& dtype = description.dtype;
    if (dtype.empty() || dtype.size() > max_dtype_name || description.shape.size() > max_dimensions)
        throw std::invalid_argument("a frame holds a dtype name of 1 to 32 bytes and up to 64 dimensions");
    const std::size_t size = head_fixed_size + dtype.size() + 8 * description.shape.size() + sections.size() +
                             description.attachment.size();
    if (size > std::numeric_limits<std::uint32_t>::max())
        throw std::invalid_argument("frame head passes 4 GiB");
    std::vector<std::uint8_t> out(magic.begin(), magic.end());
    out.reserve(size);
    out.insert(out.end(), {format_version, layout, description.kind, description.flags});
    append_le(out, static_cast<std::uint32_t>(size));
    append_le(out, static_cast<std::uint32_t>(description.attachment.size()));
    append_le(out, frame_size);
    append_le(out, data_size);
    append_le(out, std::uint64_t{0});  // the checksum's place
    out.insert(out.end(),
               {static_cast<std::uint8_t>(dtype.size()), static_cast<std::uint8_t>(description.shape.size()),
                static_cast<std::uint8_t>(chunk_log2), 0});
    out.insert(out.end(), dtype.begin(), dtype.end());
    for (const std::uint64_t extent : description.shape) append_le(out, extent);
    append(out, sections);
    append(out, description.attachment);
    store_le(out.data() + checksum_at, head_checksum(out));
    return out;
}

}  // namespace

std::uint64_t Head::chunk_size(std::size_t index) const {
    return std::min(chunk_bytes, data_size - index * chunk_bytes);
}

std::uint32_t head_size(Bytes prefix) {
    check_magic_and_version(prefix);
    if (prefix.size() < 12) throw CorruptError("frame head is truncated");
    const auto size = load_le<std::uint32_t>(prefix.data() + 8);
    if (size < head_fixed_size) throw CorruptError("frame head has a wrong size");
    return size;
}

Head parse_head(Bytes bytes, std::uint64_t available) {
    Head head;
    head.head_size = head_size(bytes);
    if (head.head_size > bytes.size() || head.head_size > available)
        throw CorruptError("frame head is truncated");
    bytes = bytes.first(head.head_size);
    if (load_le<std::uint64_t>(bytes.data() + checksum_at) != head_checksum(bytes))
        throw CorruptError("frame head's checksum differs");
    head.layout = bytes[5];
    head.description.kind = bytes[6];
    head.description.flags = bytes[7];
    if (head.layout >= layout_count || head.description.kind > 2 ||
        (head.description.flags & ~(flag_big_endian | flag_reference)) != 0)
        throw UnsupportedVersionError("frame uses an unknown layout, kind or flag: a newer zipnn is needed");
    const auto attachment = load_le<std::uint32_t>(bytes.data() + 12);
    head.frame_size = load_le<std::uint64_t>(bytes.data() + 16);
    head.data_size = load_le<std::uint64_t>(bytes.data() + 24);
    if (attachment > head.head_size - head_fixed_size || head.frame_size < head.head_size)
        throw CorruptError("frame head has wrong sizes");
    if (head.frame_size > available) throw CorruptError("frame is truncated");
    if (head.data_size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        throw CorruptError("frame head has wrong sizes");

    Cursor cursor(bytes.subspan(after_checksum, head.head_size - after_checksum - attachment));
    read_description(cursor, head);
    if ((head.description.flags & flag_reference) != 0)
        read_reference(cursor, head);
    else
        read_chunks(cursor, head);
    if (cursor.left() != 0) throw CorruptError("frame head has stray bytes");
    const std::uint64_t end = head.offsets.back();
    if (end > head.frame_size || head.frame_size - end > max_padding)
        throw CorruptError("payload sizes do not add up to the frame's");
    const Bytes attached = bytes.last(attachment);
    head.description.attachment.assign(attached.begin(), attached.end());
    return head;
}

void check_padding(const Head& head, Bytes tail) {
    if (tail.size() != head.frame_size - head.offsets.back() ||
        std::ranges::any_of(tail, [](std::uint8_t byte) { return byte != 0; }))
        throw CorruptError("frame's padding is damaged");
}

std::vector<std::uint8_t> write_head(const Coder& coder, const ChunkTable& chunks,
                                     const Description& description, std::uint64_t frame_size,
                                     std::uint64_t data_size) {
    std::vector<std::uint8_t> sections;
    write_coder(sections, coder);
    for (const ChunkEntry& chunk : chunks.entries) {
        append_le(sections, chunk.payload_size);
        append_le(sections, chunk.checksum);
    }
    return serialise(static_cast<std::uint8_t>(coder.layout), chunks.log2, description, frame_size, data_size,
                     sections);
}

std::vector<std::uint8_t> reference_frame(const std::string& dtype, const std::vector<std::uint64_t>& shape,
                                          std::uint64_t data_size, const std::string& target) {
    if (target.size() > std::numeric_limits<std::uint16_t>::max())
        throw std::invalid_argument("a referenced tensor's name passes 65535 bytes");
    std::vector<std::uint8_t> sections;
    append_le(sections, static_cast<std::uint16_t>(target.size()));
    sections.insert(sections.end(), target.begin(), target.end());
    Description description{dtype, shape, 1, flag_reference, {}};
    const std::size_t head = head_fixed_size + dtype.size() + 8 * shape.size() + sections.size();
    const std::size_t size = (head + 7) / 8 * 8;
    auto frame = serialise(0, default_chunk_log2, description, size, data_size, sections);
    frame.resize(size);
    return frame;
}

}  // namespace zipnn
