// SPDX-License-Identifier: MIT
#include "legacy/huffman_block.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

#include "legacy/fse.hpp"

namespace zipnn::legacy {
namespace {

constexpr unsigned max_weight_log = 6;  // accuracy of the table that codes weights
constexpr std::size_t max_weights = 255;

struct Weights {
    std::array<std::uint8_t, max_weights + 1> of{};
    std::size_t count = 0;

    void add(unsigned weight) {
        if (count == max_weights) throw CorruptError("Huffman tree has too many weights");
        if (weight > max_backward_bits) throw CorruptError("Huffman tree has a weight out of range");
        of[count++] = static_cast<std::uint8_t>(weight);
    }
};

/// Two states take turns, each giving one weight, until one of them lacks the bits to go on.
void read_coded_weights(Bytes coded, Weights& weights) {
    Cursor cursor(coded);
    FseTable table;
    table.read(cursor, max_weight_log, max_backward_bits);
    BackwardBits bits(cursor.take(cursor.left(), "Huffman tree"));
    std::array<const FseTable::Entry*, 2> states{};
    for (auto& state : states) state = &table.at(bits.read(table.log()));
    if (bits.overrun()) throw CorruptError("Huffman tree is truncated");
    for (std::size_t turn = 0;; turn ^= 1) {
        const FseTable::Entry& entry = *states[turn];
        weights.add(entry.symbol);
        if (entry.bits > bits.left()) {
            weights.add(states[turn ^ 1]->symbol);
            return;
        }
        states[turn] = &table.next(entry, bits);
    }
}

void read_plain_weights(Cursor& cursor, std::size_t count, Weights& weights) {
    const Bytes packed = cursor.take((count + 1) / 2, "Huffman tree");
    for (std::size_t i = 0; i < count; ++i)
        weights.add(i % 2 == 0 ? packed[i / 2] >> 4 : packed[i / 2] & 0xfU);
}

/// The last symbol's weight is what makes the tree complete. Returns the longest code's length.
unsigned complete(Weights& weights) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < weights.count; ++i) total += (std::uint64_t{1} << weights.of[i]) >> 1;
    if (total == 0) throw CorruptError("Huffman tree has no symbols");
    const auto log = static_cast<unsigned>(std::bit_width(total));
    const std::uint64_t rest = (std::uint64_t{1} << log) - total;
    if (log > max_backward_bits || !std::has_single_bit(rest))
        throw CorruptError("Huffman tree is not complete");
    weights.of[weights.count++] = static_cast<std::uint8_t>(std::bit_width(rest));
    const auto longest =
        std::count(weights.of.begin(), weights.of.begin() + static_cast<std::ptrdiff_t>(weights.count), 1);
    if (longest < 2 || longest % 2 != 0) throw CorruptError("Huffman tree is not complete");
    return log;
}

/// Codes of `bits` bits or fewer, shortest last, and where their look-ups begin.
struct Code {
    std::uint8_t symbol;
    std::uint8_t length;
    std::uint32_t first;  ///< with `log` bits
};

/// Look-ups of several symbols, by one of the tables of fewer bits behind each first symbol.
/// Needs codes so long that no look-up has more than six.
void fill_several(std::span<const Code> codes, BackwardTable& table) {
    static thread_local const auto memory =
        std::make_unique<std::array<std::uint64_t, std::size_t{1} << max_backward_bits>>();
    const unsigned bits = table.bits();
    // That of k bits lies at 2^k; the last is the table itself.
    (*memory)[0] = 0;
    for (unsigned k = 0; k <= bits; ++k) {
        std::uint64_t* entries = k == bits ? table.entries.data() : memory->data() + (std::size_t{1} << k);
        std::size_t at = std::size_t{1} << k;
        for (const Code& code : codes) {  // from the end, where the short ones are
            if (code.length > k) break;
            const std::size_t size = std::size_t{1} << (k - code.length);
            const std::uint64_t* rest = memory->data() + size;
            at -= size;
            const std::uint64_t head = std::uint64_t{code.symbol} << 16 | 0x100U | code.length;
            for (std::size_t i = 0; i < size; ++i)
                entries[at + i] = ((rest[i] & ~std::uint64_t{0xffff}) << 8) + (rest[i] & 0xffffU) + head;
        }
        std::fill(entries, entries + at, std::uint64_t{0});
    }
}

/// The same for codes so short that there may be more than six.
void fill_slowly(BackwardTable& table) {
    const unsigned bits = table.bits();
    const std::size_t mask = (std::size_t{1} << bits) - 1;
    for (std::size_t index = 0; index <= mask; ++index) {
        std::uint64_t symbols = 0;
        unsigned used = 0, count = 0;
        while (count < 6) {
            const unsigned single = table.single[((index << used) & mask) >> (bits - table.log)];
            if (used + (single & 0xffU) > bits) break;
            symbols |= std::uint64_t{single >> 8} << (16 + 8 * count++);
            used += single & 0xffU;
        }
        table.entries[index] = symbols | std::uint64_t{count} << 8 | used;
    }
}

void build(const Weights& weights, unsigned log, BackwardTable& table) {
    table.log = log;
    std::array<Code, max_weights + 1> codes{};
    std::size_t count = 0;
    std::uint32_t at = 0;
    for (unsigned weight = 1; weight <= log; ++weight) {
        for (std::size_t symbol = 0; symbol < weights.count; ++symbol) {
            if (weights.of[symbol] != weight) continue;
            const auto length = static_cast<std::uint8_t>(log + 1 - weight);
            const std::uint32_t size = 1U << (weight - 1);
            codes[count++] = {static_cast<std::uint8_t>(symbol), length, at};
            std::fill_n(table.single.begin() + at, size, static_cast<std::uint16_t>(symbol << 8 | length));
            at += size;
        }
    }
    std::reverse(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(count));
    if (codes[0].length == 1)
        fill_slowly(table);
    else
        fill_several({codes.data(), count}, table);
}

BackwardTable& thread_table() {
    static thread_local const auto table = std::make_unique<BackwardTable>();
    return *table;
}

}  // namespace

void read_huffman_tree(Cursor& cursor, BackwardTable& table) {
    Weights weights;
    const auto head = cursor.read<std::uint8_t>("Huffman tree");
    if (head >= 128)
        read_plain_weights(cursor, head - 127U, weights);
    else
        read_coded_weights(cursor.take(head, "Huffman tree"), weights);
    const unsigned log = complete(weights);
    build(weights, log, table);
}

void decode_huffman(const BackwardTable& table, Bytes payload, std::size_t count, MutableBytes out) {
    std::array<BackwardIn, 4> streams{};
    Cursor cursor(payload);
    std::array<std::size_t, 4> sizes{};
    std::size_t each = out.size();
    if (count == 4) {
        each = (out.size() + 3) / 4;
        if (3 * each > out.size()) throw CorruptError("Huffman block is too short for four streams");
        for (std::size_t i = 0; i < 3; ++i) sizes[i] = cursor.read<std::uint16_t>("Huffman block");
    }
    for (std::size_t i = 0; i < count; ++i) {
        const bool last = i + 1 == count;
        const Bytes source = cursor.take(last ? cursor.left() : sizes[i], "Huffman block");
        if (source.empty() || source.back() == 0) throw CorruptError("Huffman stream has no end mark");
        streams[i] = {source.data(), source.size(), out.data() + i * each,
                      last ? out.size() - i * each : each};
    }
    if (!active_kernels().backward_decode(table, streams.data(), count))
        throw CorruptError("Huffman stream is not used up exactly");
}

void decode_huffman_block(Bytes block, MutableBytes out) {
    if (block.size() == out.size()) {
        std::ranges::copy(block, out.begin());
    } else if (block.size() == 1) {
        std::ranges::fill(out, block[0]);
    } else {
        if (block.empty() || block.size() > out.size()) throw CorruptError("Huffman block has a wrong size");
        Cursor cursor(block);
        BackwardTable& table = thread_table();
        read_huffman_tree(cursor, table);
        decode_huffman(table, cursor.take(cursor.left(), "Huffman block"), 4, out);
    }
}

}  // namespace zipnn::legacy
