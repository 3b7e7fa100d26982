// SPDX-License-Identifier: MIT
#include "zipnn/difference.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "bytes.hpp"
#include "check.hpp"
#include "frame/difference_section.hpp"
#include "frame/train.hpp"
#include "simd/kernels.hpp"
#include "zipnn/checksum.hpp"

using namespace zipnn;

namespace {

constexpr Family families[] = {Family::bytes,    Family::int16,   Family::int32,   Family::int64,
                               Family::uint16,   Family::uint32,  Family::uint64,  Family::float16,
                               Family::bfloat16, Family::float32, Family::float64, Family::float8};

/// Bell-shaped floats, cut to their upper bytes or widened by noise.
std::vector<std::uint8_t> weights(std::size_t n, std::size_t width, check::Random& random) {
    std::vector<std::uint8_t> data;
    for (std::size_t i = 0; i < n; ++i) {
        float sum = 0;
        for (int k = 0; k < 4; ++k) sum += static_cast<float>(random.below(2001)) - 1000.0F;
        const std::uint64_t wide =
            std::uint64_t{std::bit_cast<std::uint32_t>(sum * 1e-5F)} << 32 | random.next() >> 32;
        for (std::size_t k = 8 - width; k < 8; ++k) data.push_back(static_cast<std::uint8_t>(wide >> 8 * k));
    }
    return data;
}

/// A part, in thousandths, of the elements with their lower byte changed.
std::vector<std::uint8_t> trained(std::vector<std::uint8_t> data, std::size_t width, std::size_t thousandths,
                                  check::Random& random) {
    for (std::size_t at = 0; at < data.size(); at += width)
        if (random.below(1000) < thousandths)
            data[at] = static_cast<std::uint8_t>(data[at] + random.below(7));
    return data;
}

std::vector<std::uint8_t> difference(Bytes data, Bytes base, Family family, Level level = Level::normal,
                                     unsigned threads = 1) {
    const DifferenceEncoder encoder(data, base, family, level, threads);
    std::vector<std::uint8_t> frame(3 * data.size() + 4096);
    frame.resize(encoder.frame({"X", {data.size()}, 0, 0, {}}, 8, frame).value());
    return frame;
}

std::vector<std::uint8_t> patched(Bytes frame, Bytes base, unsigned threads = 1) {
    const Head head = parse_head(frame, frame.size());
    if (!head.difference || head.data_size != base.size()) throw CorruptError("another frame");
    check_padding(head, frame.subspan(head.offsets.back()));
    std::vector<std::uint8_t> out(base.begin(), base.end());
    decode_difference(head, frame.subspan(head.head_size, head.offsets.back() - head.head_size), out, 0,
                      head.chunk_count(), out, threads);
    return out;
}

Difference::Form form_of(Bytes frame) { return parse_head(frame, frame.size()).difference->form; }

/// Puts right the checksums of head and payloads, as someone who wants to do harm would.
void seal(std::vector<std::uint8_t>& frame, std::size_t head_size, std::size_t payload_size) {
    if (payload_size != 0)
        store_le(frame.data() + head_size - 8, xxh3_64({frame.data() + head_size, payload_size}));
    std::vector<std::uint8_t> hashed(frame.begin(), frame.begin() + 28);
    append(hashed, Bytes(frame).subspan(36, head_size - 36));
    store_le(frame.data() + 28, xxh3_64(hashed));
}

}  // namespace

TEST(differences_round_trip_in_every_family_level_and_form) {
    check::Random random(51);
    for (const Family family : families) {
        const std::size_t width = width_of(family);
        for (const std::size_t n : {std::size_t{1}, std::size_t{65}, std::size_t{4097}, std::size_t{20000}}) {
            const auto base = weights(n, width, random);
            for (const std::size_t thousandths : {0U, 1U, 20U, 300U, 1000U}) {
                const auto data = trained(base, width, thousandths, random);
                for (const Level level : {Level::fast, Level::normal, Level::max})
                    CHECK(patched(difference(data, base, family, level), base) == data);
            }
        }
    }
}

TEST(differences_of_unlike_tensors_round_trip) {
    check::Random random(52);
    for (const Family family : families) {
        const std::size_t width = width_of(family);
        std::vector<std::uint8_t> data(3000 * width), base(data.size());
        for (auto* bytes : {&data, &base})
            for (auto& byte : *bytes) byte = static_cast<std::uint8_t>(random.next() >> 33);
        CHECK(patched(difference(data, base, family), base) == data);
    }
}

TEST(differences_take_the_form_that_fits) {
    check::Random random(53);
    const std::size_t n = (std::size_t{1} << 18) + 1000;
    const auto base = weights(n, 2, random);
    const auto same = difference(base, base, Family::bfloat16);
    CHECK(form_of(same) == Difference::Form::identical && same.size() <= 72);
    // Two changes in 262 thousand elements: gaps are bridged.
    auto few = base;
    few[10] ^= 1;
    few[2 * n - 2] ^= 1;
    const auto bridged = difference(few, base, Family::bfloat16);
    CHECK(form_of(bridged) == Difference::Form::sparse && bridged.size() < 400);
    CHECK(patched(bridged, base) == few);
    for (const auto& [thousandths, form] :
         {std::pair{10U, Difference::Form::sparse}, std::pair{900U, Difference::Form::dense}}) {
        const auto data = trained(base, 2, thousandths, random);
        const auto frame = difference(data, base, Family::bfloat16);
        CHECK(form_of(frame) == form);
        CHECK(difference(data, base, Family::bfloat16, Level::normal, 3) == frame);
        CHECK(patched(frame, base, 3) == data);
        // Each chunk can be applied alone.
        const Head head = parse_head(frame, frame.size());
        for (std::size_t i = 0; i < head.chunk_count(); ++i) {
            const std::size_t start = i * head.chunk_bytes;
            std::vector<std::uint8_t> out(head.chunk_size(i));
            decode_difference(head,
                              Bytes(frame).subspan(head.offsets[i], head.offsets[i + 1] - head.offsets[i]),
                              Bytes(base).subspan(start, out.size()), i, 1, out, 1);
            CHECK(std::ranges::equal(out, Bytes(data).subspan(start, out.size())));
        }
    }
}

TEST(the_base_gives_contexts_where_that_pays) {
    check::Random random(54);
    std::vector<std::uint8_t> base, data;
    for (int i = 0; i < 60000; ++i) {
        float old = 0;
        for (int k = 0; k < 4; ++k) old += static_cast<float>(random.below(2001)) - 1000.0F;
        const float changed = old + static_cast<float>(random.below(201)) * 0.05F - 5.0F;
        append_le(base, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(old) >> 16));
        append_le(data, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(changed) >> 16));
    }
    const auto fast = difference(data, base, Family::bfloat16, Level::fast);
    const auto normal = difference(data, base, Family::bfloat16);
    CHECK(codec_name(parse_head(normal, normal.size())).find("rans") != std::string::npos);
    CHECK(normal.size() + data.size() / 20 < fast.size());
    CHECK(patched(normal, base) == data && patched(fast, base) == data);
}

TEST(another_base_is_refused_before_anything_is_written) {
    check::Random random(55);
    const auto base = weights((std::size_t{1} << 18) + 100, 2, random);
    for (const std::size_t thousandths : {0U, 10U, 900U}) {
        const auto data = trained(base, 2, thousandths, random);
        const auto frame = difference(data, base, Family::bfloat16);
        const Head head = parse_head(frame, frame.size());
        const Bytes payloads = Bytes(frame).subspan(head.head_size, head.offsets.back() - head.head_size);
        auto other = base;
        other.back() ^= 1;
        const auto before = other;
        CHECK_THROWS(BaseMismatchError,
                     decode_difference(head, payloads, other, 0, head.chunk_count(), other, 1));
        CHECK(other == before);
        CHECK_THROWS(FormatError, decode_chunks(head, payloads, 0, head.chunk_count(), other, 1));
    }
}

TEST(damaged_differences_are_found_before_anything_is_written) {
    check::Random random(56);
    const auto base = weights(700, 2, random);
    for (const std::size_t thousandths : {0U, 30U, 900U}) {
        const auto data = trained(base, 2, thousandths, random);
        const auto frame = difference(data, base, Family::bfloat16);
        for (std::size_t bit = 0; bit < 8 * frame.size(); ++bit) {
            auto damaged = frame;
            damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ 1 << bit % 8);
            CHECK_THROWS(std::runtime_error, patched(damaged, base));
        }
        for (std::size_t size = 0; size < frame.size(); ++size)
            CHECK_THROWS(std::runtime_error, patched(Bytes(frame).first(size), base));
    }
}

TEST(hostile_differences_are_safe) {
    check::Random random(57);
    for (const Family family : {Family::bfloat16, Family::float32, Family::bytes, Family::float64}) {
        const std::size_t width = width_of(family);
        const auto base = weights(5000, width, random);
        for (const std::size_t thousandths : {30U, 900U}) {
            const auto data = trained(base, width, thousandths, random);
            const auto frame = difference(data, base, family);
            const Head head = parse_head(frame, frame.size());
            for (int round = 0; round < 1500; ++round) {
                auto hostile = frame;
                const std::size_t first = round % 2 == 0 ? 36 : head.head_size;
                const std::size_t end = round % 2 == 0 ? head.head_size : frame.size();
                for (std::size_t i = 0; i <= random.below(4); ++i)
                    hostile[first + random.below(end - first)] =
                        static_cast<std::uint8_t>(random.next() >> 35);
                seal(hostile, head.head_size, head.offsets.back() - head.head_size);
                try {
                    CHECK(patched(hostile, base) == data);
                } catch (const std::runtime_error&) {
                }
            }
        }
    }
}

TEST(sections_of_differences_are_checked) {
    const auto reads = [](std::initializer_list<int> section, LayoutId layout = LayoutId::bytes) {
        const std::vector<std::uint8_t> bytes(section.begin(), section.end());
        Cursor cursor(bytes);
        Coder coder;
        read_difference_section(cursor, layout, coder);
        return cursor.left() == 0;
    };
    CHECK(reads({0, 1, 1, 2, 3, 4, 5, 6, 7, 8}));
    CHECK(reads({1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    CHECK(reads({2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    CHECK(reads({2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0}));
    CHECK_THROWS(CorruptError, reads({2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0}));
    CHECK_THROWS(UnsupportedVersionError, reads({3, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    CHECK_THROWS(UnsupportedVersionError, reads({0, 2, 0, 0, 0, 0, 0, 0, 0, 0}));
    CHECK_THROWS(CorruptError, reads({0, 1, 1, 2, 3, 4, 5, 6, 7}));
    // A table by the base: symbols 7 and 8 have half of the slots each in each class.
    const auto table = [&](std::initializer_list<int> classes, LayoutId layout = LayoutId::split16) {
        std::vector<std::uint8_t> bytes(classes.begin(), classes.end());
        for (std::size_t i = 0; i < bytes[2]; ++i)
            append(bytes, std::array<std::uint8_t, 5>{7, 8, 7, 0xc7, 0});
        Cursor cursor(bytes);
        return read_base_table(cursor, layout_of(layout).width).contexts.size() == bytes[2] &&
               cursor.left() == 0;
    };
    CHECK(table({0, 7, 1}) && table({1, 8, 3, 0, 254}) && table({0, 0, 1}, LayoutId::bytes));
    CHECK_THROWS(CorruptError, table({2, 7, 1}));
    CHECK_THROWS(CorruptError, table({0, 9, 1}));
    CHECK_THROWS(CorruptError, table({0, 1, 1}, LayoutId::bytes));
    CHECK_THROWS(CorruptError, table({0, 7, 0}));
    CHECK_THROWS(CorruptError, table({0, 7, 17}));
    CHECK_THROWS(CorruptError, table({0, 7, 2, 255}));
    CHECK_THROWS(CorruptError, table({0, 7, 3, 9, 9}));
}

TEST(difference_kernels_agree) {
    check::Random random(58);
    for (const std::size_t width : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{8}}) {
        for (const std::size_t n :
             {std::size_t{0}, std::size_t{1}, std::size_t{31}, std::size_t{64}, std::size_t{1000}}) {
            std::vector<std::uint8_t> data(n * width), base(n * width);
            for (auto& byte : base) byte = static_cast<std::uint8_t>(random.below(4) * 85);
            data = base;
            for (auto& byte : data)
                if (random.below(9) == 0) byte = static_cast<std::uint8_t>(random.next() >> 33);
            BaseClasses classes;
            classes.shift = static_cast<std::uint8_t>(random.below(8 * width - 7));
            classes.count = 4;
            classes.last_keys[0] = 0, classes.last_keys[1] = 100, classes.last_keys[2] = 254;
            for (const Order order : {Order::integers, Order::floats}) {
                std::vector<std::uint8_t> first_codes, first_classes;
                for (const Kernels* kernels : available_kernels()) {
                    std::vector<std::uint8_t> codes(n * width), back(n * width), contexts(n);
                    kernels->subtract(order, width, data.data(), base.data(), n, codes.data());
                    kernels->add(order, width, base.data(), codes.data(), n, back.data());
                    CHECK(back == data);
                    std::vector<std::uint32_t> positions(n + 1);
                    const std::size_t count =
                        kernels->find_changes(width, data.data(), base.data(), n, positions.data());
                    std::vector<std::uint8_t> changes, sparse = base;
                    for (std::size_t i = 0; i < count; ++i)
                        append(changes, Bytes(codes).subspan(positions[i] * width, width));
                    kernels->add_sparse(order, width, positions.data(), changes.data(), count, sparse.data());
                    CHECK(sparse == data);
                    kernels->classify(classes, width, base.data(), n, contexts.data());
                    for (std::size_t i = 0; i < n; ++i) {
                        std::uint64_t element = 0;
                        for (std::size_t k = 0; k < width; ++k)
                            element |= std::uint64_t{base[i * width + k]} << 8 * k;
                        const auto key = static_cast<std::uint8_t>(element >> classes.shift);
                        CHECK(contexts[i] == (key > 0) + (key > 100) + (key > 254));
                    }
                    if (first_codes.empty()) first_codes = codes;
                    CHECK(codes == first_codes);
                }
            }
        }
    }
}
