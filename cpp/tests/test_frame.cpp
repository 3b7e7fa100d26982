// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "bytes.hpp"
#include "check.hpp"
#include "fields/layout.hpp"
#include "frame/coder.hpp"
#include "frame/train.hpp"
#include "frames.hpp"
#include "simd/kernels.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/frame.hpp"
#include "zipnn/limits.hpp"

using namespace zipnn;

namespace {

constexpr Family families[] = {Family::stored,  Family::bytes,    Family::int16,   Family::int32,
                               Family::int64,   Family::uint16,   Family::uint32,  Family::uint64,
                               Family::float16, Family::bfloat16, Family::float32, Family::float64,
                               Family::float8};

enum Content { weights, noise, constant, few, widened, mixed, content_count };

/// Bell-shaped floats of 1 to 8 bytes, and what else tensors hold.
std::vector<std::uint8_t> content(Content kind, std::size_t size, std::size_t width, check::Random& random) {
    std::vector<std::uint8_t> data(size);
    if (kind == noise)
        for (auto& byte : data) byte = static_cast<std::uint8_t>(random.next() >> 33);
    if (kind == constant) std::ranges::fill(data, std::uint8_t{0x3c});
    if (kind == few)
        for (auto& byte : data) byte = static_cast<std::uint8_t>(random.below(3) * 17);
    if (kind != weights && kind != widened && kind != mixed) return data;
    for (std::size_t at = 0; at + width <= size; at += width) {
        float sum = 0;
        for (int i = 0; i < 4; ++i) sum += static_cast<float>(random.below(2001)) - 1000.0F;
        if (kind == mixed && random.below(50) == 0) sum *= 1e20F;
        if (kind == mixed && at % 3000 == 0) sum = 0;
        const auto bits = std::bit_cast<std::uint32_t>(sum * 1e-5F);
        std::uint64_t element = std::uint64_t{bits} << 32;
        if (width == 4 && kind == widened) element &= std::uint64_t{0xffff0000} << 32;
        element >>= 64 - 8 * width;
        std::memcpy(data.data() + at, &element, width);
    }
    return data;
}

}  // namespace

TEST(layouts_are_one_to_one) {
    check::Random random(11);
    for (std::uint8_t id = 1; id < layout_count; ++id) {
        const auto layout = static_cast<LayoutId>(id);
        const Layout& properties = layout_of(layout);
        if (properties.planes == 0) continue;
        for (const std::size_t n :
             {std::size_t{0}, std::size_t{1}, std::size_t{255}, std::size_t{256}, std::size_t{1000}}) {
            auto data = content(noise, n * properties.width, properties.width, random);
            const auto base = static_cast<std::uint16_t>(random.below(properties.base_limit + 1U));
            for (std::size_t i = 1; properties.windowed() && i <= n; ++i) {
                std::uint8_t* upper = data.data() + i * properties.width - 2;
                const unsigned window = static_cast<unsigned>(random.below(window_exponents + 1));
                const unsigned exponent = window == 0 ? 0 : base + window;
                store_le(upper, static_cast<std::uint16_t>((load_le<std::uint16_t>(upper) & 0x807fU) |
                                                           exponent << 7));
            }
            std::vector<std::vector<std::uint8_t>> planes(properties.planes, std::vector<std::uint8_t>(n));
            std::array<std::uint8_t*, max_planes> out{};
            std::array<const std::uint8_t*, max_planes> in{};
            for (std::size_t p = 0; p < properties.planes; ++p) in[p] = out[p] = planes[p].data();
            CHECK(!active_kernels().split(layout, base, data.data(), n, out.data()));
            std::vector<std::uint8_t> back(data.size());
            active_kernels().merge(layout, base, in.data(), n, back.data());
            CHECK(back == data);
        }
    }
}

TEST(packing_keeps_the_low_bits) {
    check::Random random(12);
    for (unsigned bits = 1; bits <= max_extra_bits; ++bits) {
        for (const std::size_t n : {0UL, 1UL, 127UL, 128UL, 129UL, 1000UL}) {
            std::vector<std::uint8_t> values(n), packed(packed_size(bits, n)), back(n);
            for (auto& value : values) value = static_cast<std::uint8_t>(random.next() >> 40);
            active_kernels().pack(bits, values.data(), n, packed.data());
            active_kernels().unpack(bits, packed.data(), n, back.data());
            for (auto& value : values) value &= static_cast<std::uint8_t>((1U << bits) - 1);
            CHECK(back == values);
        }
    }
}

TEST(frames_round_trip) {
    check::Random random(13);
    const std::size_t element_counts[] = {0, 1, 2, 100, 4095, 4096, 4097, 20000, 262144, 270000};
    for (const Family family : families) {
        const std::size_t width = width_of(family);
        for (const std::size_t elements : element_counts) {
            for (int kind = 0; kind < content_count; ++kind) {
                if (elements > 20000 && kind != weights && kind != mixed) continue;
                const std::size_t size = elements * width + (elements % 3) % width;  // with tails
                const auto data = content(static_cast<Content>(kind), size, width, random);
                for (const Level level : {Level::fast, Level::normal, Level::max}) {
                    const Description description{"X", {elements, 1}, 1, 0, {1, 2, 3}};
                    const auto frame = compressed(data, family, description, level, 8, 1);
                    CHECK(frame.size() % 8 == 0);
                    CHECK(frame.size() <= size + size / 1000 + 128);
                    CHECK(decode(frame) == data);
                    CHECK(decode(frame, 3) == data);
                    CHECK(compressed(data, family, description, level, 8, 3) == frame);
                    const Head head = parse_head(frame, frame.size());
                    CHECK(head.description.dtype == "X" && head.description.shape == description.shape);
                    CHECK(head.description.attachment == description.attachment);
                }
            }
        }
    }
}

TEST(weights_shrink) {
    check::Random random(14);
    const auto data = content(weights, 4 * 100000, 4, random);
    const Description description{"F32", {100000}, 1, 0, {}};
    CHECK(compressed(data, Family::float32, description, Level::normal, 1, 1).size() <
          data.size() * 86 / 100);
    const auto same = content(constant, 400000, 4, random);
    CHECK(compressed(same, Family::float32, description, Level::normal, 1, 1).size() < 200);
}

TEST(elements_outside_a_window_come_back) {
    // Layout 5 has 31 exponents: tiny values among values above 2 are outside.
    check::Random random(15);
    std::vector<std::uint8_t> data;
    for (int i = 0; i < 300000; ++i) {
        const float value = i % 20000 == 0 ? 1e-30F : 0.1F * static_cast<float>(1 + random.below(1000));
        append_le(data, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
    }
    const Description description{"BF16", {300000}, 1, 0, {}};
    const auto frame = compressed(data, Family::bfloat16, description, Level::normal, 1, 1);
    CHECK(parse_head(frame, frame.size()).layout == static_cast<std::uint8_t>(LayoutId::bfloat16w));
    CHECK(decode(frame) == data);
}

TEST(damaged_frames_are_errors) {
    check::Random random(16);
    for (const Family family : families) {
        const auto data = content(mixed, 6000 * width_of(family), width_of(family), random);
        const auto frame = compressed(data, family, {"X", {6000}, 0, 0, {9}}, Level::normal, 8, 1);
        for (int round = 0; round < 400; ++round) {
            auto damaged = frame;
            damaged[random.below(frame.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
            try {
                CHECK(decode(damaged) == data);
            } catch (const CorruptError&) {
            } catch (const FormatError&) {
            } catch (const UnsupportedVersionError&) {
            }
            CHECK_THROWS(std::runtime_error, decode(Bytes(frame).first(random.below(frame.size()))));
        }
    }
}

TEST(hostile_payloads_behind_right_heads_are_safe) {
    // Damage below the head's checksum: payload bytes only, so that the decoders themselves are reached.
    check::Random random(17);
    for (const Family family : families) {
        const auto data = content(mixed, 9000 * width_of(family), width_of(family), random);
        for (const Level level : {Level::fast, Level::normal, Level::max}) {
            const auto frame = compressed(data, family, {"X", {9000}, 0, 0, {}}, level, 1, 1);
            const std::size_t head = head_size(frame);
            if (head >= frame.size()) continue;
            for (int round = 0; round < 300; ++round) {
                auto damaged = frame;
                for (std::size_t i = 0; i <= random.below(6); ++i)
                    damaged[head + random.below(frame.size() - head)] =
                        static_cast<std::uint8_t>(random.next() >> 35);
                try {
                    CHECK(decode(damaged) == data);
                } catch (const std::runtime_error&) {
                }
            }
        }
    }
}

TEST(alignments_that_no_frame_can_have_are_refused) {
    const std::vector<std::uint8_t> data(1000);
    for (const std::uint64_t align : {std::uint64_t{0}, std::uint64_t{9}, ~std::uint64_t{0}})
        CHECK_THROWS(std::invalid_argument,
                     compressed(data, Family::bytes, {"U8", {1000}, 0, 0, {}}, Level::normal, align, 1));
}

TEST(an_encoder_keeps_its_coder_once_chunks_are_coded) {
    const std::vector<std::uint8_t> data(std::size_t{2} << default_chunk_log2);
    Encoder encoder(Family::bytes, data.size(), Level::normal, 1);
    std::vector<std::uint8_t> sample;
    for (const auto& [offset, size] : encoder.sample_ranges())
        append(sample, Bytes(data).subspan(offset, size));
    encoder.set_external(max_chunk_log2);
    encoder.train(sample);
    CHECK(encoder.chunk_bytes() == std::uint64_t{1} << default_chunk_log2);
    std::vector<std::uint8_t> payload(data.size());
    CHECK(encoder.encode(Bytes(data).first(data.size() / 2), [&](std::size_t) { return payload.data(); }));
    CHECK_THROWS(std::invalid_argument, encoder.train(sample));
    CHECK_THROWS(std::invalid_argument, encoder.set_stored());
    CHECK_THROWS(std::invalid_argument, encoder.set_external(max_chunk_log2));
}

TEST(entropy_counts_whole_elements) {
    // A tail must not be taken for an element: it would choose another base of the exponents.
    std::vector<std::uint8_t> data;
    for (std::uint64_t i = 0; i < 1000; ++i) append_le(data, (1000 + i % 50) << 52);
    const double entropy = order0(data, Family::float64);
    data.resize(data.size() + 7);
    data.push_back(0x7f);  // behind the tail
    data[data.size() - 2] = 0xf0;
    CHECK(order0(Bytes(data).first(data.size() - 1), Family::float64) == entropy);
}

TEST(pairs_and_groups_of_ranks_are_chosen) {
    // Smooth distributions: the coder section has ranked tables, paired unless it is `fast`.
    check::Random random(20);
    const auto data = content(weights, 2 * 300000, 2, random);
    for (const Level level : {Level::fast, Level::normal}) {
        const auto frame = compressed(data, Family::bfloat16, {"BF16", {300000}, 1, 0, {}}, level, 1, 1);
        const Head head = parse_head(frame, frame.size());
        CHECK(head.coder->extra_bits() == 3 && !head.coder->extra_packed());
        CHECK(is_paired(head.coder->planes[0][0]) == (level == Level::normal));
        CHECK((layered_of(head.coder->planes[0][0]) != nullptr) == (level == Level::fast));
    }
}

TEST(tiles_of_a_large_tensor_with_many_escapes_have_a_table_of_their_own) {
    // Half-precision weights between which biases stand in single precision, as in ncnn's files.
    check::Random random(21);
    const std::size_t elements = (std::size_t{1} << 20) + 100, every = 70000, biases = 2 * 24;
    const auto singles = content(weights, 4 * elements, 4, random);
    std::vector<std::uint8_t> data;
    for (std::size_t i = 0; i < elements; ++i) {
        const auto bits = load_le<std::uint32_t>(singles.data() + 4 * i);
        const std::uint32_t half = (bits >> 16 & 0x8000U) | (((bits >> 13) - (112U << 10)) & 0x7fffU);
        const bool small = (bits >> 23 & 0xffU) <= 112;
        append_le(data, static_cast<std::uint16_t>(i % every < biases ? random.next() >> 40
                                                   : small            ? 0
                                                                      : half));
    }
    const Description description{"F16", {elements}, 1, 0, {}};
    for (const Level level : {Level::fast, Level::normal, Level::max}) {
        const auto frame = compressed(data, Family::float16, description, level);
        CHECK(decode(frame, 2) == data);
        CHECK(frame == compressed(data, Family::float16, description, level, 1, 2));
    }
    const auto frame = compressed(data, Family::float16, description, Level::normal);
    const Head head = parse_head(frame, frame.size());
    const std::vector<Table>& tables = head.coder->planes[0];
    CHECK(tables.size() == 5 && !is_paired(tables.back()));
    CHECK(std::ranges::count_if(tables, is_paired) == 4);
    CHECK(xxh3_64(frame) == 0xc0f8b4abe4e38f48U);  // with any set of kernels
}

TEST(references) {
    const auto frame = reference_frame("F32", {3, 4}, 48, "model.embed");
    const Head head = parse_head(frame, frame.size());
    CHECK(head.reference == "model.embed" && head.data_size == 48 && head.chunk_count() == 0);
    CHECK(frame.size() % 8 == 0);
    std::uint8_t out[48];
    CHECK_THROWS(FormatError, decode_chunks(head, {}, 0, 0, out, 1));
}

TEST(windows_give_the_same_bytes) {
    check::Random random(18);
    const std::size_t elements = 3 * (std::size_t{1} << default_chunk_log2) + 1234;
    const auto data = content(weights, 2 * elements, 2, random);
    const Description description{"BF16", {elements}, 1, 0, {}};
    const auto whole = compressed(data, Family::bfloat16, description, Level::normal, 1, 2);
    Encoder encoder(Family::bfloat16, data.size(), Level::normal, 2);
    std::vector<std::uint8_t> sample;
    for (const auto& [offset, size] : encoder.sample_ranges())
        append(sample, Bytes(data).subspan(offset, size));
    encoder.train(sample);
    std::vector<std::uint8_t> payloads(data.size());
    std::size_t used = 0;
    for (std::size_t at = 0; at < data.size(); at += encoder.chunk_bytes()) {
        const Bytes window =
            Bytes(data).subspan(at, std::min<std::size_t>(encoder.chunk_bytes(), data.size() - at));
        CHECK(!encoder.encode(window, [](std::size_t) -> std::uint8_t* { return nullptr; }));
        CHECK(encoder.encode(window, [&](std::size_t size) {
            used += size;
            return payloads.data() + used - size;
        }));
    }
    const std::size_t head = encoder.head_size(4, description.shape, 0);
    CHECK(head + used == whole.size() && encoder.payload_size() == used);
    CHECK(encoder.head(description, whole.size()) ==
          std::vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(head)));
    CHECK(std::equal(payloads.begin(), payloads.begin() + static_cast<std::ptrdiff_t>(used),
                     whole.begin() + static_cast<std::ptrdiff_t>(head)));
}

TEST(hostile_heads_with_right_checksums_are_safe) {
    // Any head byte changed and the checksum made to fit: what an attacker writes.
    check::Random random(19);
    for (const Family family : families) {
        const auto data = content(mixed, 5000 * width_of(family), width_of(family), random);
        for (const Level level : {Level::fast, Level::normal, Level::max}) {
            const auto frame = compressed(data, family, {"X", {5000}, 0, 0, {7}}, level, 1, 1);
            const std::size_t head = head_size(frame);
            for (int round = 0; round < 400; ++round) {
                auto hostile = frame;
                for (std::size_t i = 0; i <= random.below(3); ++i)
                    hostile[4 + random.below(head - 4)] = static_cast<std::uint8_t>(random.next() >> 35);
                std::vector<std::uint8_t> hashed(hostile.begin(), hostile.begin() + 28);
                hashed.insert(hashed.end(), hostile.begin() + 36,
                              hostile.begin() + static_cast<std::ptrdiff_t>(head));
                store_le(hostile.data() + 28, xxh3_64(hashed));
                try {
                    if (parse_head(hostile, hostile.size()).data_size <= 1 << 20) decode(hostile);
                } catch (const std::runtime_error&) {
                }
            }
        }
    }
}
