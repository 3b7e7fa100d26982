// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "zipnn/limits.hpp"

/// Huffman tables: lengths, and what encoding and decoding make of them.
/// Codes are canonical (RFC 1951, 3.2.2) and at most `max_code_bits` long.
namespace zipnn {

using Histogram = std::array<std::uint32_t, 256>;
using CodeLengths = std::array<std::uint8_t, 256>;

/// Optimal lengths up to `limit` bits for the symbols with a count (package-merge; Larmore and
/// Hirschberg 1990). Needs at least two such symbols.
CodeLengths huffman_lengths(const Histogram& counts, unsigned limit);

/// True if the lengths are within the limit and fill the code space exactly.
bool is_complete(const CodeLengths& lengths);

/// What a decoder looks up with the next `bits` bits: up to six symbols at once.
struct HuffmanDecodeTable {
    unsigned bits;  ///< of a look-up: 2^bits entries are in use
    unsigned most;  ///< symbols that one of `entries` may have; 0: only `single` is made
    /// Bits 0..7: code bits used; 8..15: number of symbols (1..6); the first symbol is in the
    /// highest byte, the next below it: a store that ends at the output position puts them in place.
    std::array<std::uint64_t, std::size_t{1} << max_code_bits> entries;
    /// One symbol each: symbol << 8 | length.
    std::array<std::uint16_t, std::size_t{1} << max_code_bits> single;
};

/// With `several`, `bits` is short_code_bits or max_code_bits. Without, entries of several symbols are left
/// out: making them takes longer than a few thousand symbols without them.
void build_decode_table(const CodeLengths& lengths, HuffmanDecodeTable& table, bool several = true);

struct HuffmanEncodeTable {
    static constexpr std::uint32_t unseen_flag = 0x80000000U;
    /// code | length << 16; for a symbol without a code, the shortest code and `unseen_flag`.
    std::array<std::uint32_t, 256> codes;
    // The same in bytes, for kernels that look many up at once.
    std::array<std::uint8_t, 256> low;     ///< bits 0..7 of the code
    std::array<std::uint8_t, 256> high;    ///< bits 8..11 of the code, and the length in bits 4..7
    std::array<std::uint8_t, 256> unseen;  ///< 0xff for a symbol without a code, else 0
};

void build_encode_table(const CodeLengths& lengths, HuffmanEncodeTable& table);

void write_huffman_table(std::vector<std::uint8_t>& out, const CodeLengths& lengths);
/// Throws CorruptError unless the table is whole and complete.
CodeLengths read_huffman_table(Cursor& cursor);

}  // namespace zipnn
