// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <bit>

#include "bytes.hpp"
#include "check.hpp"
#include "fields/layout.hpp"
#include "frame/coder.hpp"
#include "frames.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/frame.hpp"

using namespace zipnn;

// Level max: context tables, and the planes beside them.

namespace {

std::string codec_of(const std::vector<std::uint8_t>& frame) {
    return codec_name(parse_head(frame, frame.size()));
}

constexpr std::size_t row_length = 100;

/// Rows of floats whose scales differ, as do those of the columns; of each the upper `width` bytes.
std::vector<std::uint8_t> rows_of_weights(std::size_t rows, std::size_t width, check::Random& random) {
    std::vector<float> columns(row_length);
    for (float& column : columns) column = static_cast<float>(1 + random.below(4));
    std::vector<std::uint8_t> data;
    for (std::size_t row = 0; row < rows; ++row) {
        const auto scale = 0.01F * static_cast<float>(1 + random.below(9));
        for (const float column : columns) {
            float sum = 0;
            for (int i = 0; i < 4; ++i) sum += static_cast<float>(random.below(2001)) - 1000.0F;
            if (random.below(5000) == 0) sum *= 1e12F;  // outside of any window
            const auto bits = std::bit_cast<std::uint32_t>(sum * scale * column);
            for (std::size_t i = 4 - width; i < 4; ++i)
                data.push_back(static_cast<std::uint8_t>(bits >> 8 * i));
        }
    }
    return data;
}

Description rows_named(const char* dtype, std::uint64_t rows) {
    return {dtype, {rows, row_length}, 1, 0, {}};
}

/// The same data, with nothing said of their rows.
Description without_rows(const char* dtype, std::uint64_t rows) {
    return {dtype, {rows * row_length}, 1, 0, {}};
}

}  // namespace

TEST(contexts_make_rows_and_columns_of_unlike_scales_smaller) {
    check::Random random(20);
    const auto data = rows_of_weights(6000, 2, random);  // more than two chunks, which cut rows
    const Description description = rows_named("BF16", 6000);
    const auto frame = compressed(data, Family::bfloat16, description, Level::max);
    CHECK(codec_of(frame) == "rans");
    CHECK(decode(frame, 1) == data && decode(frame, 3) == data);
    CHECK(compressed(data, Family::bfloat16, description, Level::max, 1, 3) == frame);
    const auto normal = compressed(data, Family::bfloat16, without_rows("BF16", 6000), Level::normal);
    CHECK(frame.size() + data.size() / 50 < normal.size());
    // So much that the middle level takes them too, though they decode more slowly.
    CHECK(codec_of(compressed(data, Family::bfloat16, description, Level::normal)) == "rans");
    CHECK(codec_of(compressed(data, Family::bfloat16, description, Level::fast)) != "rans");
    // Each chunk can be read alone.
    const Head head = parse_head(frame, frame.size());
    for (std::size_t i = 0; i < head.chunk_count(); ++i) {
        std::vector<std::uint8_t> out(head.chunk_size(i));
        const auto payload = Bytes(frame).subspan(head.offsets[i], head.offsets[i + 1] - head.offsets[i]);
        decode_chunks(head, payload, i, 1, out, 1);
        CHECK(std::equal(out.begin(), out.end(),
                         data.begin() + static_cast<std::ptrdiff_t>(i * head.chunk_bytes)));
    }
}

TEST(contexts_round_trip_in_every_layout_that_has_them) {
    check::Random random(21);
    struct Case {
        Family family;
        std::size_t width;
    };
    for (const auto& [family, width] :
         {Case{Family::bytes, 1}, Case{Family::float16, 2}, Case{Family::bfloat16, 2}, Case{Family::int16, 2},
          Case{Family::float32, 4}, Case{Family::int32, 4}}) {
        for (const std::size_t rows : {170, 400}) {
            auto data = rows_of_weights(rows, width, random);
            const auto frame = compressed(data, family, rows_named("X", rows), Level::max);
            CHECK(codec_of(frame).find("rans") != std::string::npos);
            CHECK(decode(frame) == data);
            const auto normal = compressed(data, family, without_rows("X", rows), Level::normal);
            CHECK(frame.size() < normal.size());
        }
    }
}

TEST(without_gain_level_max_writes_what_default_writes) {
    check::Random random(31);
    std::vector<std::uint8_t> noise(200000);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random.next() >> 33);
    for (const Family family : {Family::bytes, Family::bfloat16})
        CHECK(compressed(noise, family, {"X", {200000}, 1, 0, {}}, Level::max) ==
              compressed(noise, family, {"X", {200000}, 1, 0, {}}, Level::normal));
}

TEST(packed_planes_are_only_beside_contexts) {
    // 16 elements, plane 1 in mode 4: `tables` are those of plane 0.
    const auto decodes = [](LayoutId layout, std::initializer_list<int> section, Bytes plane_0) {
        std::vector<std::uint8_t> coder(section.begin(), section.end());
        Cursor cursor(coder);
        Head head;
        head.coder = std::make_shared<const Coder>(read_coder(cursor, layout));
        const std::size_t width = layout_of(layout).width;
        std::vector<std::uint8_t> payload(plane_0.begin(), plane_0.end()), out(16 * width);
        payload.push_back(4);
        payload.insert(payload.end(), 16, 9);
        for (std::size_t p = 2; p < width; ++p) append(payload, std::array<std::uint8_t, 2>{1, 0});
        head.data_size = head.chunk_bytes = out.size();
        head.offsets = {0, payload.size()};
        // Sign and mantissa of plane 1's byte 9: m4 = 4, s = 1.
        for (std::size_t i = 0; i < 16; ++i) {
            out[(i + 1) * width - 2] = 4;
            out[(i + 1) * width - 1] = 0x80;
        }
        head.checksums = {xxh3_64(out)};
        const auto expected = out;
        try {
            decode_chunks(head, payload, 0, 1, out, 1);
        } catch (const CorruptError&) {
            return false;
        }
        return out == expected;
    };
    const std::array<std::uint8_t, 2> zeros{1, 0};
    // One context, whose symbols 7 and 8 have half of the slots each.
    CHECK(decodes(LayoutId::bfloat16w, {100, 0, 1, 5, 0, 5, 0, 0, 0, 1, 1, 7, 8, 7, 0xc7, 0, 0}, zeros));
    CHECK(!decodes(LayoutId::bfloat16w, {100, 0, 0, 0}, zeros));
    CHECK(!decodes(LayoutId::bfloat16w, {100, 0, 1, 1, 0, 0}, zeros));
    CHECK(!decodes(LayoutId::float16, {1, 5, 0, 5, 0, 0, 0, 1, 1, 7, 8, 7, 0xc7, 0, 0}, zeros));
}

TEST(hostile_contexts_are_safe) {
    check::Random random(32);
    const auto data = rows_of_weights(200, 2, random);
    for (const Family family : {Family::bfloat16, Family::float16}) {
        const auto frame = compressed(data, family, rows_named("X", 200), Level::max);
        CHECK(codec_of(frame) == "rans");
        const std::size_t head = head_size(frame);
        for (int round = 0; round < 2000; ++round) {
            auto hostile = frame;
            // In the head with a checksum made to fit, or in the payload.
            const std::size_t first = round % 2 == 0 ? 36 : head;
            const std::size_t end = round % 2 == 0 ? head : frame.size();
            for (std::size_t i = 0; i <= random.below(4); ++i)
                hostile[first + random.below(end - first)] = static_cast<std::uint8_t>(random.next() >> 35);
            std::vector<std::uint8_t> hashed(hostile.begin(), hostile.begin() + 28);
            hashed.insert(hashed.end(), hostile.begin() + 36,
                          hostile.begin() + static_cast<std::ptrdiff_t>(head));
            store_le(hostile.data() + 28, xxh3_64(hashed));
            try {
                if (parse_head(hostile, hostile.size()).data_size <= 1 << 20) CHECK(decode(hostile) == data);
            } catch (const std::runtime_error&) {
            }
        }
    }
}
