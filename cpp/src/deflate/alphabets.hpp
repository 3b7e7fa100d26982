// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstdint>

/// The symbols of RFC 1951, 3.2.5 and 3.2.6.
namespace zipnn::deflate {

constexpr unsigned end_of_block = 256;
constexpr unsigned literal_symbols = 286;  ///< of literals, the end of a block and lengths
constexpr unsigned distance_symbols = 30;
constexpr unsigned length_symbols = 19;  ///< of code lengths
constexpr unsigned max_code_bits = 15;
constexpr unsigned max_length_code_bits = 7;

/// A symbol and the bits that follow its code.
struct Extended {
    std::uint16_t symbol;
    std::uint8_t bits;
    std::uint16_t value;
};

/// Symbols in groups of `1 << group_log` that have as many extra bits, one more from group to group.
/// `value` counts from 0.
constexpr Extended extended(unsigned value, unsigned group_log) {
    const auto width = static_cast<unsigned>(std::bit_width(value >> group_log));
    const unsigned bits = width == 0 ? 0 : width - 1;
    const unsigned symbol = (bits << group_log) + (value >> bits);
    return {static_cast<std::uint16_t>(symbol), static_cast<std::uint8_t>(bits),
            static_cast<std::uint16_t>(value & ((1U << bits) - 1))};
}

/// Of a match's length, 3 to 258. The longest has a symbol of its own.
constexpr Extended extended_length(unsigned length) {
    if (length == 258) return {285, 0, 0};
    Extended result = extended(length - 3, 2);
    result.symbol = static_cast<std::uint16_t>(result.symbol + end_of_block + 1);
    return result;
}

/// Of a match's distance, 1 to 32768.
constexpr Extended extended_distance(unsigned distance) { return extended(distance - 1, 1); }

/// Extra bits by symbol.
constexpr unsigned length_extra(unsigned symbol) {
    return symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4;
}
constexpr unsigned distance_extra(unsigned symbol) { return symbol < 4 ? 0 : symbol / 2 - 1; }

}  // namespace zipnn::deflate
