// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "check.hpp"
#include "legacy/codecs.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/error.hpp"
#include "zipnn/legacy.hpp"

using namespace zipnn;

// Streams that zipnn 0.1 to 0.5 wrote, one of each kind: whole, cut off and damaged.

namespace {

using Data = std::vector<std::uint8_t>;

struct Stream {
    std::string name;
    Data bytes;
    std::size_t size;
    std::uint64_t hash;
};

std::vector<Stream> all_streams() {
    const std::string folder = ZIPNN_LEGACY_STREAMS;
    std::ifstream list(folder + "/streams.txt");
    std::vector<Stream> streams;
    for (Stream stream; list >> stream.name >> stream.size >> std::hex >> stream.hash >> std::dec;) {
        std::ifstream file(folder + "/" + stream.name + ".znn", std::ios::binary);
        stream.bytes.assign(std::istreambuf_iterator<char>(file), {});
        streams.push_back(stream);
    }
    CHECK(streams.size() > 30);
    return streams;
}

/// The frame at the beginning, asked for with as few bytes as suffice.
legacy::Frame parse(Bytes bytes) {
    for (std::uint64_t given = 0;;) {
        // A copy, so that a read behind what was given is seen.
        const Data prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(given));
        auto parsed = legacy::parse(prefix, bytes.size());
        if (auto* frame = std::get_if<legacy::Frame>(&parsed)) return std::move(*frame);
        const auto needed = std::get<std::uint64_t>(parsed);
        if (needed <= given || needed > bytes.size()) throw std::logic_error("asks for what is not there");
        given = needed;
    }
}

Data decode_frame(const legacy::Frame& frame, Bytes bytes, unsigned threads) {
    const auto* chunks = std::get_if<legacy::Chunks>(&frame.body);
    if (chunks == nullptr) return legacy::decode_parts(frame, bytes.first(frame.frame_size), threads);
    Data out(chunks->data_size);
    if (chunks->count == 0) return out;
    std::vector<Data> copies;
    for (std::size_t plane = 0; plane < chunks->planes; ++plane) {
        const Bytes piece = bytes.subspan(chunks->begin[plane], chunks->piece_end(plane, chunks->count - 1));
        copies.emplace_back(piece.begin(), piece.end());
    }
    const std::vector<Bytes> pieces(copies.begin(), copies.end());
    legacy::decode_chunks(*chunks, 0, chunks->count, pieces, out, threads);
    return out;
}

Data decode(Bytes bytes, unsigned threads = 1) {
    Data all;
    while (!bytes.empty()) {
        const legacy::Frame frame = parse(bytes);
        if (frame.frame_size > bytes.size()) throw std::logic_error("frame is longer than what is there");
        append(all, decode_frame(frame, bytes, threads));
        bytes = bytes.subspan(frame.frame_size);
    }
    return all;
}

/// Decodes what may be damaged: it gives data, or an error of the types that are for it.
void decode_damaged(Bytes bytes) {
    try {
        decode(bytes);
    } catch (const CorruptError&) {
    } catch (const FormatError&) {
    } catch (const UnsupportedVersionError&) {
    }
}

}  // namespace

TEST(legacy_streams_decode) {
    for (const Stream& stream : all_streams()) {
        for (const unsigned threads : {1U, 3U}) {
            const Data data = decode(stream.bytes, threads);
            if (data.size() != stream.size || xxh3_64(data) != stream.hash)
                check::fail(__FILE__, __LINE__, stream.name);
        }
    }
}

TEST(legacy_streams_that_are_cut_off) {
    for (const Stream& stream : all_streams()) {
        const std::size_t step = 1 + stream.bytes.size() / 150;
        for (std::size_t size = 0; size < stream.bytes.size(); size += step)
            decode_damaged(Bytes(stream.bytes).first(size));
    }
}

TEST(legacy_streams_with_a_flipped_bit) {
    check::Random random(4);
    for (const Stream& stream : all_streams()) {
        // All of the header and tables in front, and some of the rest.
        for (std::size_t bit = 0; bit < std::min<std::size_t>(8 * stream.bytes.size(), 8 * 48); ++bit) {
            Data damaged = stream.bytes;
            damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ 1U << bit % 8);
            decode_damaged(damaged);
        }
        for (int i = 0; i < 120; ++i) {
            Data damaged = stream.bytes;
            auto& byte = damaged[random.below(damaged.size())];
            byte = static_cast<std::uint8_t>(byte ^ 1U << random.below(8));
            decode_damaged(damaged);
        }
    }
}

TEST(legacy_streams_with_random_bytes_put_in) {
    check::Random random(5);
    for (const Stream& stream : all_streams()) {
        for (int i = 0; i < 100; ++i) {
            Data damaged = stream.bytes;
            const std::size_t at = random.below(random.below(2) == 0 ? damaged.size() : 16);
            const std::size_t count = 1 + random.below(std::min<std::size_t>(9, damaged.size() - at));
            const auto value = static_cast<std::uint8_t>(random.next() >> 40);
            for (std::size_t k = 0; k < count; ++k)
                damaged[at + k] =
                    random.below(3) == 0 ? static_cast<std::uint8_t>(random.next() >> 33) : value;
            decode_damaged(damaged);
        }
    }
}

TEST(legacy_codecs_survive_noise) {
    check::Random random(6);
    const std::array<Data, 3> heads = {Data{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58},
                                       Data{0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82}, Data{0x80, 0x20}};
    for (int i = 0; i < 9000; ++i) {
        const auto codec = static_cast<std::size_t>(i % 3);
        Data noise = heads[codec];
        const std::size_t size = random.below(200);
        for (std::size_t k = 0; k < size; ++k)
            noise.push_back(static_cast<std::uint8_t>(random.next() >> 40));
        // A Zstandard block of which the header is right.
        if (codec == 0 && noise.size() > 9)
            store_le(noise.data() + 6, (load_le<std::uint32_t>(noise.data() + 6) & 0xff000000U) |
                                           static_cast<std::uint32_t>(noise.size() - 9) << 3 | 5U);
        try {
            legacy::decode_with(static_cast<legacy::Codec>(codec), noise);
        } catch (const CorruptError&) {
        }
    }
}

TEST(legacy_sizes_that_are_claimed_get_no_memory) {
    // A header that says it holds 2^60 bytes, in chunks of 2^18 and in one.
    for (const std::uint8_t chunk_log2 : {18, 62}) {
        Data frame = {'Z', 'N', 0, 5, 4, 10, 1, 1, 1, 0, 0, 0, 0, 0, chunk_log2, 6};
        append_le(frame, std::uint64_t{1} << 60);
        append_le(frame, std::uint64_t{32 + 18 + 2});
        frame.insert(frame.end(), {1, 1});
        append_le(frame, std::uint64_t{1});
        append_le(frame, std::uint64_t{1});
        frame.insert(frame.end(), {0, 0});
        CHECK_THROWS(CorruptError, decode(frame));
    }
    // A Snappy block that says it holds 4 GiB.
    CHECK_THROWS(CorruptError, legacy::decode_snappy(Data{0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x61}));
}

TEST(legacy_versions_that_are_not_known) {
    for (const std::uint8_t minor : {6, 9, 255}) {
        Data frame(40, 0);
        std::copy_n("ZN", 2, frame.begin());
        frame[3] = minor;
        CHECK(legacy::is_legacy(frame));
        CHECK_THROWS(UnsupportedVersionError, decode(frame));
    }
    CHECK(!legacy::is_legacy(Data{'Z', 'N', 1, 0, 0}));
    CHECK(!legacy::is_legacy(Data{'Z', 'N', 0}));
}

TEST(signs_go_back_in_whole_words_only) {
    const auto moved = [](std::uint32_t x) {
        return (x & 0x7fffffU) | (x << 1 & 0xff000000U) | (x >> 31 << 23);
    };
    check::Random random(7);
    for (int i = 0; i < 1000; ++i) {
        const auto value = static_cast<std::uint32_t>(random.next() >> 13);
        Data data;
        append_le(data, moved(value));
        append(data, Data{0xff, 0x80, 0x7f});
        legacy::undo_move(legacy::Move::words, data);
        CHECK(load_le<std::uint32_t>(data.data()) == value);
        CHECK(data[4] == 0xff && data[5] == 0x80 && data[6] == 0x7f);
    }
}
