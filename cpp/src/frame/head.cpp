// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <limits>

#include "frame/coder.hpp"
#include "frame/difference_section.hpp"
#include "frame/head.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/frame.hpp"

namespace zipnn {
namespace {

constexpr std::array<std::uint8_t, 4> magic = {0x9A, 0x5A, 0x4E, 0x46};
constexpr std::uint8_t flag_big_endian = 1, flag_reference = 2, flag_attachment = 4, flag_difference = 8;
constexpr std::size_t checksum_at = 28, after_checksum = 36;
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
                                      (prefix[4] > format_version
                                           ? " needs zipnn >= " + std::to_string(prefix[4]) + ".0"
                                           : std::string(" is not known")));
}

/// ceil(data / chunk) without overflow.
std::uint64_t chunks_for(std::uint64_t data, std::uint64_t chunk) {
    return data / chunk + (data % chunk != 0 ? 1 : 0);
}

/// Names are UTF-8 (RFC 3629), since they become text.
bool is_utf8(Bytes text) {
    for (std::size_t i = 0; i < text.size();) {
        const std::uint8_t lead = text[i++];
        if (lead < 0x80) continue;
        const unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || more > text.size() - i) return false;
        std::uint32_t code = lead & (0x3fU >> more);
        for (unsigned k = 0; k < more; ++k) {
            if ((text[i] & 0xc0) != 0x80) return false;
            code = code << 6 | (text[i++] & 0x3fU);
        }
        constexpr std::uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
        if (code < smallest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    }
    return true;
}

std::string read_name(Cursor& cursor, std::size_t length) {
    const Bytes name = cursor.take(length, "frame head");
    if (!is_utf8(name)) throw CorruptError("frame head has a name that is not UTF-8");
    return {name.begin(), name.end()};
}

/// Returns the size of the attachment.
std::uint32_t read_description(Cursor& cursor, Head& head) {
    const std::size_t name_length = cursor.read<std::uint8_t>("frame head");
    const std::size_t dimensions = cursor.read<std::uint8_t>("frame head");
    head.chunk_log2 = cursor.read<std::uint8_t>("frame head");
    std::uint32_t attachment = 0;
    if ((head.description.flags & flag_attachment) != 0) {
        attachment = cursor.read<std::uint32_t>("frame head");
        if (attachment == 0) throw CorruptError("frame head has an empty attachment");
    }
    if (name_length == 0 || name_length > max_dtype_name || dimensions > max_dimensions)
        throw CorruptError("frame head has a wrong dtype or shape");
    if (head.chunk_log2 < min_chunk_log2 || head.chunk_log2 > max_chunk_log2)
        throw CorruptError("frame head has a wrong chunk size");
    head.description.dtype = read_name(cursor, name_length);
    for (std::size_t i = 0; i < dimensions; ++i)
        head.description.shape.push_back(cursor.read_varint("frame head"));
    return attachment;
}

void read_reference(Cursor& cursor, Head& head) {
    if (head.layout != 0 || (head.description.flags & flag_difference) != 0)
        throw CorruptError("reference frame has a layout");
    head.reference = read_name(cursor, cursor.read<std::uint16_t>("frame head"));
    head.offsets.push_back(head.head_size);
}

/// Whether a payload can hold a chunk, before memory is taken for what it claims to hold.
bool is_payload_size(LayoutId id, std::uint64_t payload, std::uint64_t decoded) {
    // A Zstandard block of 4 bytes holds at most 128 KiB.
    constexpr std::uint64_t zstd_growth = 1 << 15;
    const Layout& layout = layout_of(id);
    if (id == LayoutId::stored) return payload == decoded;
    if (id == LayoutId::zstd) return payload > 0 && decoded / payload <= zstd_growth;
    const std::uint64_t elements = decoded / layout.width;
    return payload >= layout.planes * (elements != 0 ? 2U : 1U) + decoded % layout.width;
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
        const auto size = cursor.read<std::uint32_t>("chunk table");
        head.offsets.push_back(head.offsets.back() + size);
        head.checksums.push_back(cursor.read<std::uint64_t>("chunk table"));
        if (!is_payload_size(head.coder->layout, size, head.chunk_size(i)))
            throw CorruptError("chunk " + std::to_string(i) + " has a payload of a wrong size");
    }
}

/// Coder section and chunk table of a difference.
void read_difference(Cursor& cursor, Head& head) {
    const Layout& layout = layout_of(static_cast<LayoutId>(head.layout));
    if (!is_difference_layout(static_cast<LayoutId>(head.layout)))
        throw UnsupportedVersionError("difference of an unknown layout: a newer zipnn is needed");
    if (head.chunk_log2 > max_coded_chunk_log2) throw CorruptError("frame head has a wrong chunk size");
    if (head.data_size == 0 || head.data_size % layout.width != 0)
        throw CorruptError("frame head of a difference has a wrong size");
    Coder coder;
    head.difference = read_difference_section(cursor, static_cast<LayoutId>(head.layout), coder);
    head.coder = std::make_shared<const Coder>(std::move(coder));
    head.chunk_bytes = static_cast<std::uint64_t>(layout.width) << head.chunk_log2;
    head.offsets.push_back(head.head_size);
    if (head.difference->form == Difference::Form::identical) return;
    const std::uint64_t count = chunks_for(head.data_size, head.chunk_bytes);
    if (count > cursor.left() / difference_entry_size) throw CorruptError("chunk table runs past the head");
    for (std::uint64_t i = 0; i < count; ++i) {
        head.offsets.push_back(head.offsets.back() + cursor.read<std::uint32_t>("chunk table"));
        head.checksums.push_back(cursor.read<std::uint64_t>("chunk table"));
        head.difference->base_hashes.push_back(cursor.read<std::uint64_t>("chunk table"));
        head.difference->payload_hashes.push_back(cursor.read<std::uint64_t>("chunk table"));
    }
}

std::vector<std::uint8_t> serialise(std::uint8_t layout, unsigned chunk_log2, const Description& description,
                                    std::uint64_t frame_size, std::uint64_t data_size, Bytes sections) {
    const std::string& dtype = description.dtype;
    if (dtype.empty() || dtype.size() > max_dtype_name || description.shape.size() > max_dimensions)
        throw std::invalid_argument("a frame holds a dtype name of 1 to 32 bytes and up to 64 dimensions");
    const std::uint64_t size =
        described_size(dtype.size(), description.shape, description.attachment.size()) + sections.size();
    if (size > std::numeric_limits<std::uint32_t>::max())
        throw std::invalid_argument("frame head passes 4 GiB");
    const bool attached = !description.attachment.empty();
    std::vector<std::uint8_t> out(magic.begin(), magic.end());
    out.reserve(size);
    out.insert(out.end(), {format_version, layout, description.kind,
                           static_cast<std::uint8_t>(description.flags | (attached ? flag_attachment : 0))});
    append_le(out, static_cast<std::uint32_t>(size));
    append_le(out, frame_size);
    append_le(out, data_size);
    append_le(out, std::uint64_t{0});  // the checksum's place
    out.insert(out.end(),
               {static_cast<std::uint8_t>(dtype.size()), static_cast<std::uint8_t>(description.shape.size()),
                static_cast<std::uint8_t>(chunk_log2)});
    if (attached) append_le(out, static_cast<std::uint32_t>(description.attachment.size()));
    out.insert(out.end(), dtype.begin(), dtype.end());
    for (const std::uint64_t extent : description.shape) append_varint(out, extent);
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
        (head.description.flags & ~(flag_big_endian | flag_reference | flag_attachment | flag_difference)) !=
            0)
        throw UnsupportedVersionError("frame uses an unknown layout, kind or flag: a newer zipnn is needed");
    head.frame_size = load_le<std::uint64_t>(bytes.data() + 12);
    head.data_size = load_le<std::uint64_t>(bytes.data() + 20);
    if (head.frame_size < head.head_size) throw CorruptError("frame head has wrong sizes");
    if (head.frame_size > available) throw CorruptError("frame is truncated");
    if (head.data_size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        throw CorruptError("frame head has wrong sizes");

    Cursor whole(bytes.subspan(after_checksum));
    const std::uint32_t attachment = read_description(whole, head);
    if (attachment > whole.left()) throw CorruptError("frame head has wrong sizes");
    Cursor cursor(whole.take(whole.left() - attachment, "frame head"));
    if ((head.description.flags & flag_reference) != 0)
        read_reference(cursor, head);
    else if ((head.description.flags & flag_difference) != 0)
        read_difference(cursor, head);
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

std::uint64_t described_size(std::size_t dtype_length, const std::vector<std::uint64_t>& shape,
                             std::size_t attachment) {
    std::vector<std::uint8_t> extents;
    for (const std::uint64_t extent : shape) append_varint(extents, extent);
    const std::size_t attached = attachment == 0 ? 0 : sizeof(std::uint32_t) + attachment;
    return head_fixed_size + dtype_length + extents.size() + attached;
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

std::vector<std::uint8_t> write_difference_head(const Difference& difference, const Coder& coder,
                                                const ChunkTable& chunks, Description description,
                                                std::uint64_t frame_size, std::uint64_t data_size) {
    std::vector<std::uint8_t> sections;
    write_difference_section(sections, difference, coder);
    for (std::size_t i = 0; i < chunks.entries.size(); ++i) {
        append_le(sections, chunks.entries[i].payload_size);
        append_le(sections, chunks.entries[i].checksum);
        append_le(sections, difference.base_hashes[i]);
        append_le(sections, difference.payload_hashes[i]);
    }
    description.flags |= flag_difference;
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
    const std::uint64_t head = described_size(dtype.size(), shape, 0) + sections.size();
    const std::size_t size = (head + 7) / 8 * 8;
    auto frame = serialise(0, default_chunk_log2, description, size, data_size, sections);
    frame.resize(size);
    return frame;
}

}  // namespace zipnn
