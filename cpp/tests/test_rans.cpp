// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include "bytes.hpp"
#include "check.hpp"
#include "entropy/rans.hpp"
#include "fields/layout.hpp"
#include "simd/kernels.hpp"

using namespace zipnn;

TEST(frequencies_fill_the_slots_and_survive_their_table) {
    check::Random random(40);
    for (int round = 0; round < 3000; ++round) {
        std::array<std::uint64_t, 256> weights{};
        const std::size_t symbols = 1 + random.below(256);
        for (std::size_t i = 0; i < symbols; ++i)
            weights[random.below(256)] = random.below(2 + (std::size_t{1} << random.below(24)));
        const Frequencies frequencies = frequencies_for(weights);
        std::uint64_t sum = 0, total = 0;
        for (const auto frequency : frequencies) sum += frequency;
        for (const auto weight : weights) total += weight;
        CHECK(sum == rans_total);
        for (std::size_t i = 0; i < 256; ++i)
            CHECK(weights[i] * 90'000 < total || (weights[i] == 0) || frequencies[i] != 0);
        std::vector<std::uint8_t> written;
        write_frequencies(written, frequencies);
        Cursor cursor(written);
        CHECK(read_frequencies(cursor) == frequencies && cursor.left() == 0);
        for (int damage = 0; damage < 3; ++damage) {
            auto hostile = written;
            hostile[random.below(hostile.size())] = static_cast<std::uint8_t>(random.next() >> 35);
            Cursor damaged(hostile);
            try {
                std::uint64_t slots = 0;
                for (const auto frequency : read_frequencies(damaged)) slots += frequency;
                CHECK(slots == rans_total);
            } catch (const CorruptError&) {
            }
        }
    }
}

TEST(kernels_agree_on_rans) {
    check::Random random(25);
    constexpr std::size_t context_count = 3;
    std::vector<Frequencies> frequencies;
    std::vector<RansSlot> slots(context_count * rans_total);
    std::vector<RansCode> codes(context_count * 256);
    for (std::size_t i = 0; i < context_count; ++i) {
        std::array<std::uint64_t, 256> weights{};
        for (int k = 0; k < 3000; ++k) ++weights[40 * i + random.below(1 + random.below(5 + 30 * i))];
        frequencies.push_back(frequencies_for(weights));
        build_slots(frequencies[i], slots.data() + i * rans_total);
        build_codes(frequencies[i], codes.data() + i * 256);
    }
    for (const Kernels* kernels : available_kernels()) {
        for (const std::size_t n : {1, 31, 32, 33, 63, 64, 127, 128, 129, 1000, 4000, 4095, 4096}) {
            std::vector<std::uint8_t> contexts(n), symbols(n), words(2 * n + slack), back(n);
            for (std::size_t i = 0; i < n; ++i) {
                contexts[i] = static_cast<std::uint8_t>(random.below(context_count));
                do symbols[i] = static_cast<std::uint8_t>(random.next() >> 40);
                while (frequencies[contexts[i]][symbols[i]] == 0);
            }
            RansState one{{}, 2 * n}, other{{}, 2 * n};
            one.lanes.fill(rans_floor);
            other.lanes.fill(rans_floor);
            auto other_words = words;
            scalar_kernels.rans_encode(codes.data(), contexts.data(), symbols.data(), n, words.data(), one);
            kernels->rans_encode(codes.data(), contexts.data(), symbols.data(), n, other_words.data(), other);
            CHECK(one.at == other.at && one.lanes == other.lanes);
            CHECK(std::equal(words.begin() + static_cast<std::ptrdiff_t>(one.at), words.end(),
                             other_words.begin() + static_cast<std::ptrdiff_t>(one.at)));
            const Bytes coded = Bytes(words).subspan(one.at, 2 * n - one.at);
            RansState state{one.lanes, 0};
            CHECK(kernels->rans_decode(slots.data(), contexts.data(), n, coded, state, back.data()));
            CHECK(back == symbols && state.at == coded.size());
            CHECK(std::ranges::count(state.lanes, rans_floor) == rans_lanes);
            if (coded.empty()) continue;
            state = {one.lanes, 0};
            const Bytes cut = coded.first(coded.size() - 2);
            CHECK(!kernels->rans_decode(slots.data(), contexts.data(), n, cut, state, back.data()));
        }
    }
}

TEST(kernels_pack_five_bits) {
    check::Random random(26);
    for (const Kernels* kernels : available_kernels()) {
        for (const std::size_t n : {0, 1, 127, 128, 129, 1000, 4096}) {
            std::vector<std::uint8_t> values(n), packed(packed_size(5, n)), back(n);
            for (auto& value : values) value = static_cast<std::uint8_t>(random.next() >> 40);
            kernels->pack(5, values.data(), n, packed.data());
            const std::size_t whole = n / 128 * 128;
            for (std::size_t i = 0; i < n; ++i) {  // the value by the words of docs/format.md, 2.5
                const std::size_t block = i / 128 * 80, k = i % 128;
                const unsigned low = packed[block + (i < whole ? k % 64 : 0)] >> (k / 64 * 4) & 15U;
                const unsigned high = i < whole ? packed[block + 64 + k / 8] >> k % 8 & 1U : 0;
                const unsigned stored = i < whole ? low | high << 4 : packed[block + k];
                CHECK(stored == (values[i] & 31U));
                values[i] &= 31;
            }
            kernels->unpack(5, packed.data(), n, back.data());
            CHECK(back == values);
        }
    }
}
