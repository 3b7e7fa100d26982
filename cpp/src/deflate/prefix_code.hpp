// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace zipnn::deflate {

/// A code word as it is written: lowest bit first, so its bits are reversed.
struct CodeWord {
    std::uint16_t bits;
    std::uint8_t length;
};

/// Code lengths by symbol (0: it has none) up to the last one that has a code, from counts by symbol.
/// At least two symbols get a code. There is more than one best choice of lengths; this is zlib's.
std::vector<std::uint8_t> code_lengths(std::span<const std::uint32_t> counts, unsigned max_bits);

/// The canonical code of these lengths (RFC 1951, 3.2.2), for at least `symbols` symbols.
std::vector<CodeWord> canonical_code(std::span<const std::uint8_t> lengths, std::size_t symbols);

}  // namespace zipnn::deflate
