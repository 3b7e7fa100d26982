// SPDX-License-Identifier: MIT
#include "entropy/rans.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "entropy/bit_string.hpp"
#include "entropy/cost.hpp"

namespace zipnn {
namespace {

/// A symbol rarer than 1 in this many is cheaper as an escape than with one of the slots.
constexpr std::uint64_t rarest_coded = 90'000;
/// A table holds the leading one of a frequency and this many bits behind it.
constexpr unsigned kept_bits = 3;
/// Widths of neighbouring symbols' frequencies are alike: each is coded as its step from the last one.
constexpr unsigned initial_width = 8;

unsigned dropped_bits(unsigned width) { return width - 1 - std::min(width - 1, kept_bits); }

/// The nearest frequency, from 1, that a table can hold.
std::int64_t nearest_kept(std::int64_t frequency) {
    if (frequency < 1) return 1;
    const unsigned dropped =
        dropped_bits(static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(frequency))));
    if (dropped == 0) return frequency;
    return (frequency + (std::int64_t{1} << (dropped - 1))) >> dropped << dropped;
}

/// Symbols with a weight that is worth a slot, the heaviest first; at least two.
std::vector<std::uint8_t> kept_symbols(const std::array<std::uint64_t, 256>& weights) {
    const std::uint64_t total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    std::vector<std::uint8_t> symbols;
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (weights[symbol] != 0 && weights[symbol] * rarest_coded >= total)
            symbols.push_back(static_cast<std::uint8_t>(symbol));
    std::ranges::stable_sort(symbols, std::greater{}, [&](std::uint8_t symbol) { return weights[symbol]; });
    if (symbols.empty()) symbols.push_back(0);
    if (symbols.size() == 1) symbols.push_back(symbols[0] ^ 1U);
    return symbols;
}

void put_frequency(BitStringWriter& bits, unsigned frequency, unsigned& previous) {
    const auto width = static_cast<unsigned>(std::bit_width(frequency));
    if (width == previous)
        bits.put(0b0, 1);
    else if (width == previous + 1)
        bits.put(0b01, 2);
    else if (width + 1 == previous)
        bits.put(0b011, 3);
    else
        bits.put(0b0111U | width << 4, 8);
    previous = width;
    bits.put(frequency >> dropped_bits(width), std::min(width - 1, kept_bits));
}

/// The next frequency, or 0 and the number of absent symbols in `run`.
unsigned take_frequency(BitStringReader& bits, unsigned& previous, std::size_t& run) {
    unsigned ones = 0;
    while (ones < 4 && bits.take(1) == 1) ++ones;
    run = 0;
    if (ones == 4) {
        run = bits.take(8) + 1;
        return 0;
    }
    if (ones == 3) previous = bits.take(4);
    if (ones == 2) --previous;
    if (ones == 1) ++previous;
    if (previous == 0 || previous > rans_bits) throw CorruptError("frequency table has a wrong width");
    const unsigned kept = std::min(previous - 1, kept_bits);
    return (1U << kept | bits.take(kept)) << dropped_bits(previous);
}

/// The symbol of the largest frequency, the first of several.
std::size_t largest(const Frequencies& frequencies) {
    return static_cast<std::size_t>(std::ranges::max_element(frequencies) - frequencies.begin());
}

/// The symbol that a table leaves out: the one whose frequency it cannot hold, if there is one.
std::size_t implied(const Frequencies& frequencies) {
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (frequencies[symbol] != 0 && nearest_kept(frequencies[symbol]) != frequencies[symbol])
            return symbol;
    return largest(frequencies);
}

}  // namespace

Frequencies frequencies_for(const std::array<std::uint64_t, 256>& weights) {
    const std::vector<std::uint8_t> symbols = kept_symbols(weights);
    std::uint64_t total = 0;
    for (const std::uint8_t symbol : symbols) total += weights[symbol];
    // What is below a slot gets one; the rest share what is left.
    std::uint64_t budget = rans_total, shared = 0;
    for (const std::uint8_t symbol : symbols) {
        if (weights[symbol] * rans_total < total)
            --budget;
        else
            shared += weights[symbol];
    }
    Frequencies frequencies{};
    // The heaviest symbol takes what the others leave. Rounding errors are handed on from one to the next.
    constexpr std::int64_t one = 1 << 8;
    std::int64_t carry = 0, left = rans_total;
    for (std::size_t i = 1; i < symbols.size(); ++i) {
        const std::uint64_t weight = weights[symbols[i]];
        std::int64_t frequency = 1;
        if (weight * rans_total >= total) {
            const std::int64_t share =
                static_cast<std::int64_t>(weight * budget * one / std::max<std::uint64_t>(shared, 1)) + carry;
            frequency = nearest_kept((share + one / 2) / one);
            carry = share - frequency * one;
        }
        frequencies[symbols[i]] = static_cast<std::uint16_t>(frequency);
        left -= frequency;
    }
    frequencies[symbols[0]] = static_cast<std::uint16_t>(left);
    return frequencies;
}

std::array<std::uint32_t, 256> frequency_costs(const Frequencies& frequencies) {
    std::array<std::uint32_t, 256> costs;
    costs.fill(escape_cost);
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (frequencies[symbol] != 0)
            costs[symbol] = rans_bits * cost_of_bit - log2_fixed(frequencies[symbol]);
    return costs;
}

void write_frequencies(std::vector<std::uint8_t>& out, const Frequencies& frequencies) {
    std::size_t first = 0, last = 255;
    while (frequencies[first] == 0) ++first;
    while (frequencies[last] == 0) --last;
    const std::size_t rest = implied(frequencies);
    for (const std::size_t symbol : {first, last, rest}) out.push_back(static_cast<std::uint8_t>(symbol));
    BitStringWriter bits(out);
    unsigned previous = initial_width;
    for (std::size_t symbol = first; symbol <= last; ++symbol) {
        if (symbol == rest) continue;
        std::size_t run = 0;
        while (frequencies[symbol + run] == 0) ++run;  // ends: the last frequency is not 0
        if (run == 0)
            put_frequency(bits, frequencies[symbol], previous);
        else
            bits.put(0b1111U | static_cast<unsigned>(run - 1) << 4, 12);
        symbol += run == 0 ? 0 : run - 1;
    }
}

Frequencies read_frequencies(Cursor& cursor) {
    const std::size_t first = cursor.read<std::uint8_t>("frequency table");
    const std::size_t last = cursor.read<std::uint8_t>("frequency table");
    const std::size_t rest = cursor.read<std::uint8_t>("frequency table");
    if (first >= last || rest < first || rest > last) throw CorruptError("frequency table has no symbols");
    Frequencies frequencies{};
    BitStringReader bits(cursor, "frequency table");
    unsigned previous = initial_width;
    std::uint32_t sum = 0;
    for (std::size_t symbol = first; symbol <= last;) {
        if (symbol == rest) {
            ++symbol;
            continue;
        }
        std::size_t run = 0;
        const unsigned frequency = take_frequency(bits, previous, run);
        if (run == 0) {
            frequencies[symbol] = static_cast<std::uint16_t>(frequency);
            sum += frequency;
        }
        symbol += std::max<std::size_t>(run, 1);
        if (symbol > last + 1 || (run != 0 && rest < symbol && rest >= symbol - run))
            throw CorruptError("frequency table has a wrong run");
    }
    if (!bits.rest_is_zero()) throw CorruptError("frequency table has stray bits");
    if (sum >= rans_total) throw CorruptError("frequency table has too large frequencies");
    frequencies[rest] = static_cast<std::uint16_t>(rans_total - sum);
    if (frequencies[first] == 0 || frequencies[last] == 0)
        throw CorruptError("frequency table has an absent first or last symbol");
    return frequencies;
}

void build_slots(const Frequencies& frequencies, RansSlot* slots) {
    for (std::uint32_t symbol = 0; symbol < 256; ++symbol) {
        const std::uint32_t frequency = frequencies[symbol];
        for (std::uint32_t i = 0; i < frequency; ++i) slots[i] = symbol | frequency << 8 | i << 20;
        slots += frequency;
    }
}

void build_codes(const Frequencies& frequencies, RansCode* codes) {
    std::uint32_t start = 0;
    for (std::size_t symbol = 0; symbol < 256; ++symbol) {
        const std::uint32_t frequency = frequencies[symbol];
        if (frequency == 0) continue;
        codes[symbol] = {(std::uint64_t{1} << rans_reciprocal_bits) / frequency + 1,
                         static_cast<std::uint16_t>(frequency), static_cast<std::uint16_t>(start)};
        start += frequency;
    }
    RansCode fallback = codes[largest(frequencies)];
    fallback.start |= rans_unseen;
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (frequencies[symbol] == 0) codes[symbol] = fallback;
}

}  // namespace zipnn
