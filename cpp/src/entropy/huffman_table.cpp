// SPDX-License-Identifier: MIT
#include "entropy/huffman_table.hpp"

#include <algorithm>

#include "entropy/bit_string.hpp"

namespace zipnn {
namespace {

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

namespace {

/// Symbols with a count, rarest first.
struct SortedCounts {
    explicit SortedCounts(const Histogram& counts) {
        std::array<std::uint64_t, 256> keys;
        for (std::size_t symbol = 0; symbol < 256; ++symbol)
            if (counts[symbol] != 0) keys[size++] = std::uint64_t{counts[symbol]} << 8 | symbol;
        std::sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(size));
        for (std::size_t i = 0; i < size; ++i) {
            weights[i] = keys[i] >> 8;
            symbols[i] = static_cast<std::uint8_t>(keys[i] & 0xff);
        }
    }

    std::size_t size = 0;
    std::array<std::uint64_t, 256> weights;
    std::array<std::uint8_t, 256> symbols;
};

/// Lengths without a limit (Huffman 1952, with two queues). Returns the largest.
unsigned unlimited_lengths(const SortedCounts& sorted, std::array<std::uint8_t, 256>& lengths) {
    const std::size_t n = sorted.size;
    std::array<std::uint64_t, 256> joined;    // weights of inner nodes, in order of their making
    std::array<std::uint16_t, 512> parent{};  // of the leaves, then of the inner nodes
    std::size_t leaf = 0, inner = 0;
    for (std::size_t made = 0; made + 1 < n; ++made) {
        joined[made] = 0;
        for (int child = 0; child < 2; ++child) {
            const bool take_leaf = leaf < n && (inner == made || sorted.weights[leaf] <= joined[inner]);
            joined[made] += take_leaf ? sorted.weights[leaf] : joined[inner];
            parent[take_leaf ? leaf++ : n + inner++] = static_cast<std::uint16_t>(made);
        }
    }
    std::array<std::uint8_t, 256> depth{};  // of the inner nodes; the root is the last
    for (std::size_t node = n - 2; node-- > 0;)
        depth[node] = static_cast<std::uint8_t>(depth[parent[n + node]] + 1);
    unsigned largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
        lengths[i] = static_cast<std::uint8_t>(depth[parent[i]] + 1);
        largest = std::max<unsigned>(largest, lengths[i]);
    }
    return largest;
}

/// Lengths up to `limit` (package-merge; Larmore and Hirschberg 1990).
void limited_lengths(const SortedCounts& sorted, unsigned limit, std::array<std::uint8_t, 256>& lengths) {
    const std::size_t n = sorted.size;
    // A level's packages by weight: each is a symbol, or a pair of the level below.
    std::array<std::array<bool, 512>, max_code_bits> is_symbol;
    std::array<std::uint64_t, 512> below, level;
    std::size_t below_size = 0;
    for (unsigned l = 0; l < limit; ++l) {
        std::size_t symbol = 0, pair = 0, size = 0;
        while (symbol < n || pair + 1 < below_size) {
            const std::uint64_t pair_weight =
                pair + 1 < below_size ? below[pair] + below[pair + 1] : ~std::uint64_t{0};
            const bool take_symbol = symbol < n && sorted.weights[symbol] <= pair_weight;
            is_symbol[l][size] = take_symbol;
            level[size++] = take_symbol ? sorted.weights[symbol] : pair_weight;
            take_symbol ? ++symbol : pair += 2;
        }
        std::copy_n(level.begin(), size, below.begin());
        below_size = size;
    }
    // The cheapest 2n-2 packages of the last level; each level's symbols are its first ones, and its pairs
    // the first pairs of the level below.
    std::fill_n(lengths.begin(), n, std::uint8_t{0});
    std::size_t take = 2 * n - 2;
    for (unsigned l = limit; l-- > 0;) {
        std::size_t symbols = 0;
        for (std::size_t i = 0; i < take; ++i) symbols += is_symbol[l][i] ? 1 : 0;
        for (std::size_t i = 0; i < symbols; ++i) ++lengths[i];
        take = 2 * (take - symbols);
    }
}

}  // namespace

CodeLengths huffman_lengths(const Histogram& counts, unsigned limit) {
    const SortedCounts sorted(counts);
    std::array<std::uint8_t, 256> by_weight{};
    if (unlimited_lengths(sorted, by_weight) > limit) limited_lengths(sorted, limit, by_weight);
    CodeLengths lengths{};
    for (std::size_t i = 0; i < sorted.size; ++i) lengths[sorted.symbols[i]] = by_weight[i];
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

namespace {

/// Fills the entries of a decode table from one symbol to several: each string of symbols takes its places
/// from the string without its last one.
class EntryFiller {
  public:
    EntryFiller(const CodeLengths& lengths, const std::array<std::uint16_t, 256>& codes,
                HuffmanDecodeTable& table)
        : table_(table) {
        for (unsigned symbol = 0; symbol < 256; ++symbol)
            if (lengths[symbol] != 0)
                symbols_[count_++] = {static_cast<std::uint8_t>(symbol), lengths[symbol], codes[symbol]};
        std::stable_sort(symbols_.begin(), symbols_.begin() + count_,
                         [](const Code& a, const Code& b) { return a.length < b.length; });
    }

    struct String {
        std::uint32_t code;
        unsigned length, count;
        std::uint64_t symbols;  ///< the first in the highest byte
    };

    void fill(const String& string) {
        const std::uint32_t size = 1U << table_.bits;
        const std::uint64_t entry = string.symbols | string.count << 8 | string.length;
        table_.most = std::max(table_.most, string.count);
        if (string.count != 0 && (string.count == 6 || string.length + symbols_[0].length > table_.bits)) {
            for (std::uint32_t at = string.code; at < size; at += 1U << string.length)
                table_.entries[at] = entry;
            return;
        }
        const unsigned room = table_.bits - string.length;
        // Places where the next symbol does not fit keep this string.
        if (string.count != 0 && symbols_[count_ - 1].length > room)
            for (std::uint32_t at = string.code; at < size; at += 1U << string.length)
                table_.entries[at] = entry;
        for (std::size_t i = 0; i < count_ && symbols_[i].length <= room; ++i) {
            const Code& next = symbols_[i];
            fill({string.code | static_cast<std::uint32_t>(next.code) << string.length,
                  string.length + next.length, string.count + 1,
                  string.symbols | std::uint64_t{next.symbol} << (56 - 8 * string.count)});
        }
    }

  private:
    struct Code {
        std::uint8_t symbol, length;
        std::uint16_t code;
    };

    HuffmanDecodeTable& table_;
    std::array<Code, 256> symbols_;  ///< shortest codes first
    std::size_t count_ = 0;
};

}  // namespace

void build_decode_table(const CodeLengths& lengths, HuffmanDecodeTable& table, bool several) {
    const unsigned longest = std::ranges::max(lengths);
    table.bits = !several ? longest : longest <= short_code_bits ? short_code_bits : max_code_bits;
    const std::uint32_t size = 1U << table.bits;
    const auto codes = canonical_codes(lengths);
    for (std::size_t symbol = 0; symbol < 256; ++symbol) {
        const unsigned length = lengths[symbol];
        if (length == 0) continue;
        for (std::uint32_t at = codes[symbol]; at < size; at += 1U << length)
            table.single[at] = static_cast<std::uint16_t>(symbol << 8 | length);
    }
    table.most = several ? 1 : 0;
    if (several) EntryFiller(lengths, codes, table).fill({0, 0, 0, 0});
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
    static_assert(max_code_bits <= 12);
    for (std::size_t symbol = 0; symbol < 256; ++symbol) {
        const std::uint32_t code = table.codes[symbol];
        table.low[symbol] = static_cast<std::uint8_t>(code);
        table.high[symbol] = static_cast<std::uint8_t>((code >> 8 & 0xf) | (code >> 16 & 0xf) << 4);
        table.unseen[symbol] = lengths[symbol] == 0 ? 0xff : 0;
    }
}

namespace {

/// Lengths of neighbouring symbols are alike: each is coded as its step from the last one.
constexpr unsigned initial_length = 8;

class LengthWriter {
  public:
    explicit LengthWriter(std::vector<std::uint8_t>& out) : bits_(out) {}

    void put(unsigned length) {
        if (length == last_)
            bits_.put(0b0, 1);
        else if (length == last_ + 1)
            bits_.put(0b01, 2);
        else if (length + 1 == last_)
            bits_.put(0b011, 3);
        else
            bits_.put(0b0111U | length << 4, 8);
        last_ = length;
    }
    void put_absent(std::size_t run) { bits_.put(0b1111U | static_cast<unsigned>(run - 1) << 4, 12); }

  private:
    BitStringWriter bits_;
    unsigned last_ = initial_length;
};

class LengthReader {
  public:
    explicit LengthReader(Cursor& cursor) : bits_(cursor, "Huffman table") {}

    /// The next length, or 0 and the number of absent symbols in `run`.
    unsigned next(std::size_t& run) {
        unsigned ones = 0;
        while (ones < 4 && bits_.take(1) == 1) ++ones;
        run = 0;
        if (ones == 4) {
            run = bits_.take(8) + 1;
            return 0;
        }
        if (ones == 3) last_ = bits_.take(4);
        if (ones == 2) --last_;
        if (ones == 1) ++last_;
        if (last_ == 0 || last_ > max_code_bits) throw CorruptError("Huffman table has a wrong length");
        return last_;
    }
    bool rest_is_zero() const { return bits_.rest_is_zero(); }

  private:
    BitStringReader bits_;
    unsigned last_ = initial_length;
};

}  // namespace

void write_huffman_table(std::vector<std::uint8_t>& out, const CodeLengths& lengths) {
    std::size_t first = 0, last = 255;
    while (lengths[first] == 0) ++first;
    while (lengths[last] == 0) --last;
    out.push_back(static_cast<std::uint8_t>(first));
    out.push_back(static_cast<std::uint8_t>(last));
    LengthWriter writer(out);
    for (std::size_t symbol = first; symbol <= last;) {
        std::size_t run = 0;
        while (lengths[symbol + run] == 0) ++run;  // ends: the last length is not 0
        if (run != 0)
            writer.put_absent(run);
        else
            writer.put(lengths[symbol]);
        symbol += std::max<std::size_t>(run, 1);
    }
}

CodeLengths read_huffman_table(Cursor& cursor) {
    const std::size_t first = cursor.read<std::uint8_t>("Huffman table");
    const std::size_t last = cursor.read<std::uint8_t>("Huffman table");
    if (first >= last) throw CorruptError("Huffman table has no symbols");
    CodeLengths lengths{};
    LengthReader reader(cursor);
    for (std::size_t symbol = first; symbol <= last;) {
        std::size_t run = 0;
        const unsigned length = reader.next(run);
        if (run == 0) lengths[symbol] = static_cast<std::uint8_t>(length);
        symbol += std::max<std::size_t>(run, 1);
    }
    if (!reader.rest_is_zero()) throw CorruptError("Huffman table has stray bits");
    if (lengths[first] == 0 || lengths[last] == 0 || !is_complete(lengths))
        throw CorruptError("Huffman table is not a complete code");
    return lengths;
}

}  // namespace zipnn
