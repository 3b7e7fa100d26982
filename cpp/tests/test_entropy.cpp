// SPDX-License-Identifier: MIT
#include <algorithm>
#include <queue>

#include "check.hpp"
#include "entropy/cost.hpp"
#include "simd/kernels.hpp"

using namespace zipnn;

namespace {

Histogram random_histogram(check::Random& random, std::size_t symbols) {
    Histogram counts{};
    for (std::size_t i = 0; i < symbols; ++i)
        counts[random.below(256)] =
            static_cast<std::uint32_t>(1 + (random.next() >> (34 + random.below(28))));
    counts[3] |= 1;
    counts[250] |= 1;
    return counts;
}

std::uint64_t coded_bits(const Histogram& counts, const CodeLengths& lengths) {
    std::uint64_t bits = 0;
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        bits += std::uint64_t{counts[symbol]} * lengths[symbol];
    return bits;
}

/// Size of the optimal code without a limit: the sum of merged weights.
std::uint64_t unlimited_bits(const Histogram& counts) {
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue;
    for (const auto count : counts)
        if (count != 0) queue.push(count);
    std::uint64_t bits = 0;
    while (queue.size() > 1) {
        const std::uint64_t a = queue.top();
        queue.pop();
        const std::uint64_t b = queue.top();
        queue.pop();
        bits += a + b;
        queue.push(a + b);
    }
    return bits;
}

/// Symbols drawn from the histogram's support, rare ones included.
std::vector<std::uint8_t> symbols_of(const Histogram& counts, std::size_t n, check::Random& random) {
    std::vector<std::uint8_t> support, symbols(n);
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (counts[symbol] != 0) support.push_back(static_cast<std::uint8_t>(symbol));
    for (auto& symbol : symbols) symbol = support[random.below(1 + random.below(support.size()))];
    return symbols;
}

struct Padded {
    explicit Padded(std::size_t size) : memory(size + 2 * slack, 0xee) {}
    std::uint8_t* data() { return memory.data() + slack; }
    bool untouched_behind(std::size_t end) const {
        return std::ranges::all_of(memory.begin() + static_cast<std::ptrdiff_t>(slack + end), memory.end(),
                                   [](std::uint8_t byte) { return byte == 0xee; });
    }
    bool untouched_before() const {
        return std::ranges::all_of(memory.begin(), memory.begin() + slack,
                                   [](std::uint8_t b) { return b == 0xee; });
    }
    std::vector<std::uint8_t> memory;
};

const std::size_t sizes[] = {1, 2, 3, 5, 37, 38, 39, 64, 127, 128, 129, 255, 1000, 4000, 4095, 4096};

}  // namespace

TEST(huffman_lengths_are_complete_and_optimal) {
    check::Random random(1);
    for (int round = 0; round < 200; ++round) {
        const Histogram counts = random_histogram(random, 2 + random.below(254));
        for (const unsigned limit : {short_code_bits, max_code_bits}) {
            const CodeLengths lengths = huffman_lengths(counts, limit);
            CHECK(is_complete(lengths));
            for (std::size_t symbol = 0; symbol < 256; ++symbol) {
                CHECK((lengths[symbol] != 0) == (counts[symbol] != 0));
                CHECK(lengths[symbol] <= limit);
            }
            const std::uint64_t best = unlimited_bits(counts);
            CHECK(coded_bits(counts, lengths) >= best);
        }
    }
    Histogram flat{};
    flat.fill(5);
    CHECK(coded_bits(flat, huffman_lengths(flat, short_code_bits)) == unlimited_bits(flat));
}

TEST(huffman_tables_are_written_and_read) {
    check::Random random(2);
    for (int round = 0; round < 200; ++round) {
        const CodeLengths lengths =
            huffman_lengths(random_histogram(random, 2 + random.below(254)), max_code_bits);
        std::vector<std::uint8_t> bytes;
        write_huffman_table(bytes, lengths);
        Cursor cursor(bytes);
        CHECK(read_huffman_table(cursor) == lengths);
        CHECK(cursor.left() == 0);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            Cursor truncated(Bytes(bytes).first(cut));
            CHECK_THROWS(CorruptError, read_huffman_table(truncated));
        }
    }
}

TEST(huffman_round_trip) {
    check::Random random(3);
    for (int round = 0; round < 60; ++round) {
        const Histogram counts = random_histogram(random, 2 + random.below(254));
        const CodeLengths lengths = huffman_lengths(counts, round % 2 != 0 ? short_code_bits : max_code_bits);
        HuffmanEncodeTable encode;
        HuffmanDecodeTable decode;
        build_encode_table(lengths, encode);
        build_decode_table(lengths, decode);
        for (const std::size_t n : sizes) {
            std::vector<std::vector<std::uint8_t>> symbols;
            std::vector<Padded> payloads, targets;
            std::vector<TileIn> tiles;
            Ahead ahead{};
            const std::size_t count = 1 + random.below(9);
            for (std::size_t i = 0; i < count; ++i) {
                symbols.push_back(symbols_of(counts, n, random));
                payloads.emplace_back(2 * n + 16);
                targets.emplace_back(n);
            }
            for (std::size_t i = 0; i < count; ++i) {
                UnseenMap unseen{};
                const std::size_t size =
                    active_kernels().huffman_encode(encode, symbols[i].data(), n, payloads[i].data(), unseen);
                CHECK(unseen == UnseenMap{});
                tiles.push_back({payloads[i].data(), size, targets[i].data(), n});
            }
            build_decode_table(lengths, decode, random.below(3) != 0);
            CHECK(active_kernels().huffman_decode(decode, tiles.data(), count, ahead));
            for (std::size_t i = 0; i < count; ++i) {
                CHECK(std::equal(symbols[i].begin(), symbols[i].end(), targets[i].data()));
                CHECK(targets[i].untouched_behind(n) && targets[i].untouched_before());
            }
            ++tiles[0].size;  // a payload that is not used up, and one that is cut
            CHECK(!active_kernels().huffman_decode(decode, tiles.data(), 1, ahead));
            tiles[0].size -= 2;
            CHECK(!active_kernels().huffman_decode(decode, tiles.data(), 1, ahead));
        }
    }
}

TEST(layered_round_trip) {
    check::Random random(4);
    for (int round = 0; round < 60; ++round) {
        Histogram counts = random_histogram(random, 2 + random.below(22));
        const LayeredTable table = layered_table(counts);
        for (const std::size_t n : sizes) {
            const auto symbols = symbols_of(counts, n, random);
            Padded payload(2 * n + 16), target((n + 63) / 64 * 64);
            UnseenMap unseen{};
            const std::size_t size =
                active_kernels().layered_encode(table, symbols.data(), n, payload.data(), unseen);
            CHECK(unseen == UnseenMap{});
            CHECK(active_kernels().layered_decode(table, {payload.data(), size, target.data(), n}));
            CHECK(std::equal(symbols.begin(), symbols.end(), target.data()));
            CHECK(target.untouched_behind((n + 63) / 64 * 64) && target.untouched_before());
        }
    }
}

TEST(unused_bits_of_levels_are_not_looked_at) {
    LayeredTable table;
    table.count = 4;
    table.symbols = {7, 8, 9, 10};
    // Five elements: ranks 0 1 2 3 0 in level A, one rank in level B.
    const std::array<std::uint8_t, 3 + slack> payload = {0xfc, 0xe4, 0xfc};
    for (const Kernels* kernels : available_kernels()) {
        std::array<std::uint8_t, 5 + slack> target{};
        CHECK(kernels->layered_decode(table, {payload.data(), 3, target.data(), 5}));
        const std::uint8_t wanted[] = {7, 8, 9, 10, 7};
        CHECK(std::equal(std::begin(wanted), std::end(wanted), target.begin()));
    }
}

TEST(decoders_are_safe_on_noise) {
    check::Random random(5);
    for (int round = 0; round < 3000; ++round) {
        const Histogram counts = random_histogram(random, 2 + random.below(254));
        HuffmanDecodeTable decode;
        build_decode_table(huffman_lengths(counts, round % 2 != 0 ? short_code_bits : max_code_bits), decode);
        const LayeredTable layered = layered_table(counts);
        const std::size_t n = 1 + random.below(tile_elements);
        const std::size_t size = random.below(2 * n + 2);
        Padded payload(size), target((n + 63) / 64 * 64);
        for (std::size_t i = 0; i < size; ++i)
            payload.data()[i] = static_cast<std::uint8_t>(random.next() >> 40);
        const TileIn tile{payload.data(), size, target.data(), n};
        Ahead ahead{};
        active_kernels().huffman_decode(decode, &tile, 1, ahead);
        CHECK(target.untouched_behind(n) && target.untouched_before());
        active_kernels().layered_decode(layered, tile);
        CHECK(target.untouched_behind((n + 63) / 64 * 64) && target.untouched_before());
    }
}

TEST(unseen_symbols_are_reported) {
    Histogram counts{};
    counts[10] = 5;
    counts[11] = 3;
    const std::vector<std::uint8_t> symbols = {10, 11, 12, 10};
    std::uint8_t target[32];
    UnseenMap unseen{}, wanted{4};
    HuffmanEncodeTable table;
    build_encode_table(huffman_lengths(counts, short_code_bits), table);
    active_kernels().huffman_encode(table, symbols.data(), symbols.size(), target, unseen);
    CHECK(unseen == wanted);
    unseen = {};
    active_kernels().layered_encode(layered_table(counts), symbols.data(), symbols.size(), target, unseen);
    CHECK(unseen == wanted);
}

TEST(logarithm_in_integers) {
    CHECK(log2_fixed(1) == 0);
    CHECK(log2_fixed(2) == 256);
    CHECK(log2_fixed(3) == 405);  // 256 * 1.58496
    CHECK(log2_fixed(std::uint64_t{1} << 63) == 63 * 256);
    for (std::uint64_t x = 1; x < 100000; ++x) CHECK(log2_fixed(x) <= log2_fixed(x + 1));
}
