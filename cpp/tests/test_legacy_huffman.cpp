// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include "check.hpp"
#include "legacy/huffman_block.hpp"
#include "simd/kernels.hpp"
#include "zipnn/error.hpp"

using namespace zipnn;

// Huffman blocks of RFC 8878 against an encoder that does as the RFC says, bit by bit.

namespace {

using Data = std::vector<std::uint8_t>;
using Weights = std::vector<unsigned>;  // of each symbol; 0: it has no code

/// Weights of a complete code of at most 128 symbols, whose longest code has `log` bits.
Weights any_weights(unsigned log, std::size_t most, check::Random& random) {
    std::vector<unsigned> lengths = {1, 1};
    while (*std::ranges::max_element(lengths) < log || (lengths.size() < most && random.below(50) != 0)) {
        const bool deepen = *std::ranges::max_element(lengths) < log && random.below(2) == 0;
        auto at = deepen ? std::ranges::max_element(lengths)
                         : lengths.begin() + static_cast<std::ptrdiff_t>(random.below(lengths.size()));
        if (*at == log) continue;
        const unsigned length = ++*at;
        lengths.push_back(length);
    }
    Weights weights;
    while (!lengths.empty()) {
        if (weights.size() + lengths.size() < 128 && random.below(3) == 0) {
            weights.push_back(0);
            continue;
        }
        const std::size_t at = random.below(lengths.size());
        weights.push_back(log + 1 - lengths[at]);
        lengths.erase(lengths.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return weights;
}

/// Bits in the order in which they are read: from the last byte's mark down.
Data pack_backwards(const std::vector<bool>& bits) {
    Data bytes(bits.size() / 8 + 1);
    const auto set = [&](std::size_t at) {
        bytes[at / 8] = static_cast<std::uint8_t>(bytes[at / 8] | 1U << at % 8);
    };
    set(bits.size());
    for (std::size_t i = 0; i < bits.size(); ++i)
        if (bits[i]) set(bits.size() - 1 - i);
    return bytes;
}

struct Encoder {
    Encoder(const Weights& weights_, unsigned log_) : weights(weights_), log(log_), first(weights_.size()) {
        unsigned at = 0;
        for (unsigned weight = 1; weight <= log; ++weight)
            for (std::size_t symbol = 0; symbol < weights.size(); ++symbol)
                if (weights[symbol] == weight) {
                    first[symbol] = at;
                    at += 1U << (weight - 1);
                }
    }

    Data stream(Bytes symbols) const {
        std::vector<bool> bits;
        for (const std::uint8_t symbol : symbols)
            for (unsigned i = log; i >= weights[symbol]; --i)
                bits.push_back((first[symbol] >> (i - 1) & 1) != 0);
        return pack_backwards(bits);
    }

    Data block(Bytes symbols) const {
        const std::size_t count = weights.size() - 1, each = (symbols.size() + 3) / 4;
        Data block = {static_cast<std::uint8_t>(127 + count)};
        for (std::size_t i = 0; i < count; i += 2)
            block.push_back(
                static_cast<std::uint8_t>(weights[i] << 4 | (i + 1 < count ? weights[i + 1] : 0)));
        Data streams;
        for (std::size_t i = 0; i < 4; ++i) {
            const Data coded = stream(i == 3 ? symbols.subspan(3 * each) : symbols.subspan(i * each, each));
            if (i < 3) append_le(block, static_cast<std::uint16_t>(coded.size()));
            append(streams, coded);
        }
        append(block, streams);
        return block;
    }

    Weights weights;
    unsigned log;
    std::vector<unsigned> first;
};

Data any_symbols(const Weights& weights, std::size_t size, check::Random& random) {
    std::vector<std::uint8_t> coded;
    for (std::size_t symbol = 0; symbol < weights.size(); ++symbol)
        if (weights[symbol] != 0) coded.push_back(static_cast<std::uint8_t>(symbol));
    std::ranges::sort(coded, [&](auto a, auto b) { return weights[a] > weights[b]; });
    Data symbols(size);
    for (auto& symbol : symbols) symbol = coded[random.below(1 + random.below(coded.size()))];
    return symbols;
}

}  // namespace

TEST(backward_huffman_decodes_what_was_encoded) {
    check::Random random(8);
    for (unsigned log = 2; log <= 12; ++log) {
        for (int round = 0; round < 16; ++round) {
            const Weights weights = any_weights(log, 3 + random.below(60), random);
            const Encoder encoder(weights, log);
            const std::size_t size = round % 4 == 0 ? 6 + random.below(60) : 200 + random.below(6000);
            const Data symbols = any_symbols(weights, size, random);
            const Data block = encoder.block(symbols);
            // Exactly as large as is allowed to be written to.
            Data out(size, 0xee);
            BackwardTable table;
            Cursor cursor(block);
            legacy::read_huffman_tree(cursor, table);
            const Bytes coded = cursor.take(cursor.left(), "block");
            legacy::decode_huffman(table, coded, 4, out);
            CHECK(out == symbols);
            for (const Kernels* kernels : available_kernels()) {
                const Data one = encoder.stream(symbols);
                Data got(size);
                const BackwardIn stream{one.data(), one.size(), got.data(), got.size()};
                CHECK(kernels->backward_decode(table, &stream, 1) && got == symbols);
                // One symbol more or less than there is.
                const BackwardIn shorter{one.data(), one.size(), got.data(), got.size() - 1};
                CHECK(!kernels->backward_decode(table, &shorter, 1));
                Data longer(size + 1);
                const BackwardIn more{one.data(), one.size(), longer.data(), longer.size()};
                CHECK(!kernels->backward_decode(table, &more, 1));
            }
        }
    }
}

TEST(huffman_trees_that_are_refused) {
    const std::vector<Data> trees = {
        {},                 // nothing
        {128},              // no weights
        {129, 0x00},        // no symbols
        {129, 0x10, 0xd0},  // whole: two symbols of weight 1, and a byte behind
        {128, 0xd0},        // a weight of 13
        {129, 0x31},        // the rest is no power of two
        {128, 0x20},        // one longest code
        {4, 0x00, 0x00, 0x00, 0x00},
        {1, 0xff},
        {3, 0x12, 0x34, 0x00},
    };
    for (std::size_t i = 0; i < trees.size(); ++i) {
        BackwardTable table;
        Cursor cursor(trees[i]);
        if (i == 3) {
            legacy::read_huffman_tree(cursor, table);
            CHECK(table.log == 1 && cursor.left() == 1);
        } else {
            CHECK_THROWS(CorruptError, legacy::read_huffman_tree(cursor, table));
        }
    }
}

TEST(planes_with_moved_signs_merge_at_any_length) {
    check::Random random(9);
    for (std::size_t n = 0; n < 300; ++n) {
        std::array<Data, 4> planes;
        std::array<const std::uint8_t*, 4> sources{};
        for (std::size_t p = 0; p < 4; ++p) {
            for (std::size_t i = 0; i < n; ++i)
                planes[p].push_back(static_cast<std::uint8_t>(random.next() >> 40));
            sources[p] = planes[p].data();
        }
        Data halves, words;
        for (std::size_t i = 0; i < n; ++i) {
            // As stored: exponent, sign, mantissa.
            const unsigned h = planes[1][i] * 256U + planes[0][i];
            append_le(halves, static_cast<std::uint16_t>((h / 256 * 128) | (h & 0x7f) |
                                                         ((h & 0x80) != 0 ? 0x8000U : 0)));
            const std::uint32_t m = planes[2][i] * 65536U + planes[1][i] * 256U + planes[0][i];
            append_le(words, static_cast<std::uint32_t>(planes[3][i] * 0x800000U | (m & 0x7fffffU) |
                                                        ((m & 0x800000U) != 0 ? 0x80000000U : 0)));
        }
        for (const Kernels* kernels : available_kernels()) {
            Data out(2 * n);
            kernels->merge_moved16(sources.data(), n, out.data());
            CHECK(out == halves);
            out.resize(4 * n);
            kernels->merge_moved32(sources.data(), n, out.data());
            CHECK(out == words);
        }
    }
}
