// SPDX-License-Identifier: MIT
#include "entropy/huffman_table.hpp"

#include <algorithm>

namespace zipnn {
namespace {

/// A package of package-merge: its weight and, implicitly by position, what it was made of.
struct Package {
    std::uint64_t weight;
    std::int16_t symbol;  ///< index into the sorted symbols, or -1: the pair starting at `pair`
    std::uint16_t pair;
};

std::uint32_t reverse_bits(std::uint32_t code, unsigned length) {
    std::uint32_t reversed = 0;
    for (unsigned i = 0; i < length; ++i) reversed |= (code >> i & 1U) << (length - 1 - i);
    return reversed;
}

/// The bit-reversed canonical code of each symbol (so that its first bit is bit 0).
std::array<std::uint16_t, 256> canonical_codes(const CodeLengths& lengths) {
    std::array<std::uint16_t, 256> codes{};
    std::uint32_t next = 0;
    for (unsigned length = 1; length <= max_code_bits; ++length) {
        for (std::size_t symbol = 0; symbol < 256; ++symbol)
            if (lengths[symbol] == length)
                codes[symbol] = static_cast<std::uint16_t>(reverse_bits(next++, length));
        next <<= 1;
    }
    return codes;
}

}  // namespace

CodeLengths huffman_lengths(const Histogram& counts) {
    std::vector<std::uint8_t> symbols;
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (counts[symbol] != 0) symbols.push_back(static_cast<std::uint8_t>(symbol));
    std::ranges::stable_sort(symbols, {}, [&](std::uint8_t symbol) { return counts[symbol]; });

    std::array<std::vector<Package>, max_code_bits> levels;
    for (std::size_t level = 0; level < max_code_bits; ++level) {
        std::vector<Package>& merged = levels[level];
        merged.reserve(2 * symbols.size());
        const std::vector<Package> none;
        const std::vector<Package>& below = level == 0 ? none : levels[level - 1];
        std::size_t symbol = 0, pair = 0;
        while (symbol < symbols.size() || pair + 1 < below.size()) {
            const bool have_pair = pair + 1 < below.size();
            const std::uint64_t pair_weight = have_pair ? below[pair].weight + below[pair + 1].weight : 0;
            if (!have_pair || (symbol < symbols.size() && counts[symbols[symbol]] <= pair_weight)) {
                merged.push_back({counts[symbols[symbol]], static_cast<std::int16_t>(symbol), 0});
                ++symbol;
            } else {
                merged.push_back({pair_weight, -1, static_cast<std::uint16_t>(pair)});
                pair += 2;
            }
        }
    }

    // The cheapest 2n-2 packages of the last level; each holds the first pairs of the level below,
    // so a count per level suffices.
    CodeLengths lengths{};
    std::size_t take = 2 * symbols.size() - 2;
    for (std::size_t level = max_code_bits; level-- > 0;) {
        std::size_t pairs = 0;
        for (std::size_t i = 0; i < take; ++i) {
            const Package& package = levels[level][i];
            if (package.symbol >= 0)
                ++lengths[symbols[static_cast<std::size_t>(package.symbol)]];
            else
                ++pairs;
        }
        take = 2 * pairs;
    }
    return lengths;
}

bool is_complete(const CodeLengths& lengths) {
    std::uint32_t filled = 0;
    for (const std::uint8_t length : lengths) {
        if (length > max_code_bits) return false;
        if (length != 0) filled += 1U << (max_code_bits - length);
    }
    return filled == 1U << max_code_bits;
}

void build_decode_table(const CodeLengths& lengths, HuffmanDecodeTable& table) {
    constexpr std::uint32_t size = 1U << max_code_bits;
    const auto codes = canonical_codes(lengths);
    for (std::size_t symbol = 0; symbol < 256; ++symbol) {
        const unsigned length = lengths[symbol];
        if (length == 0) continue;
        for (std::uint32_t at = codes[symbol]; at < size; at += 1U << length)
            table.single[at] = static_cast<std::uint16_t>(symbol << 8 | length);
    }
    for (std::uint32_t at = 0; at < size; ++at) {
        std::uint64_t symbols = 0;
        unsigned used = 0, count = 0;
        while (count < 6) {
            const std::uint16_t next = table.single[at >> used];
            const unsigned length = next & 0xffU;
            if (used + length > max_code_bits) break;
            symbols |= static_cast<std::uint64_t>(next >> 8) << (56 - 8 * count);
            used += length;
            ++count;
        }
        table.entries[at] = symbols | static_cast<std::uint64_t>(count << 8 | used);
    }
}

void build_encode_table(const CodeLengths& lengths, HuffmanEncodeTable& table) {
    const auto codes = canonical_codes(lengths);
    std::uint32_t fallback = 0;
    unsigned shortest = max_code_bits + 1;
    for (std::size_t symbol = 0; symbol < 256; ++symbol) {
        table.codes[symbol] = codes[symbol] | static_cast<std::uint32_t>(lengths[symbol]) << 16;
        if (lengths[symbol] != 0 && lengths[symbol] < shortest) {
            shortest = lengths[symbol];
            fallback = table.codes[symbol];
        }
    }
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (lengths[symbol] == 0) table.codes[symbol] = fallback | HuffmanEncodeTable::unseen_flag;
}

namespace {

/// A nibble that is no length: the next two (low first) are the length of a run of absent symbols, less 1.
constexpr std::uint8_t zero_run = 15;
constexpr std::size_t shortest_run = 4;  // three nibbles would not be shorter otherwise

class NibbleWriter {
  public:
    explicit NibbleWriter(std::vector<std::uint8_t>& out) : out_(out) {}
    void put(std::size_t nibble) {
        if (half_)
            out_.back() = static_cast<std::uint8_t>(out_.back() | nibble << 4);
        else
            out_.push_back(static_cast<std::uint8_t>(nibble));
        half_ = !half_;
    }

  private:
    std::vector<std::uint8_t>& out_;
    bool half_ = false;
};

class NibbleReader {
  public:
    explicit NibbleReader(Cursor& cursor) : cursor_(cursor) {}
    std::uint8_t next() {
        if (!half_) byte_ = cursor_.read<std::uint8_t>("Huffman table");
        const std::uint8_t nibble = half_ ? byte_ >> 4 : byte_ & 0xf;
        half_ = !half_;
        return nibble;
    }
    bool rest_is_zero() const { return !half_ || byte_ >> 4 == 0; }

  private:
    Cursor& cursor_;
    std::uint8_t byte_ = 0;
    bool half_ = false;
};

}  // namespace

void write_huffman_table(std::vector<std::uint8_t>& out, const CodeLengths& lengths) {
    std::size_t first = 0, last = 255;
    while (lengths[first] == 0) ++first;
    while (lengths[last] == 0) --last;
    out.push_back(static_cast<std::uint8_t>(first));
    out.push_back(static_cast<std::uint8_t>(last));
    NibbleWriter nibbles(out);
    for (std::size_t symbol = first; symbol <= last;) {
        std::size_t run = 0;
        while (lengths[symbol + run] == 0) ++run;  // ends: the last length is not 0
        if (run >= shortest_run) {
            nibbles.put(zero_run);
            nibbles.put((run - 1) & 0xf);
            nibbles.put((run - 1) >> 4);
            symbol += run;
        } else {
            nibbles.put(lengths[symbol++]);
        }
    }
}

CodeLengths read_huffman_table(Cursor& cursor) {
    const std::size_t first = cursor.read<std::uint8_t>("Huffman table");
    const std::size_t last = cursor.read<std::uint8_t>("Huffman table");
    if (first >= last) throw CorruptError("Huffman table has no symbols");
    CodeLengths lengths{};
    NibbleReader nibbles(cursor);
    for (std::size_t symbol = first; symbol <= last;) {
        const std::uint8_t nibble = nibbles.next();
        if (nibble == zero_run) {
            const std::size_t low = nibbles.next();
            symbol += (low | static_cast<std::size_t>(nibbles.next()) << 4) + 1;
        } else {
            lengths[symbol++] = nibble;
        }
    }
    if (!nibbles.rest_is_zero()) throw CorruptError("Huffman table has stray bits");
    if (lengths[first] == 0 || lengths[last] == 0 || !is_complete(lengths))
        throw CorruptError("Huffman table is not a complete code");
    return lengths;
}

}  // namespace zipnn
