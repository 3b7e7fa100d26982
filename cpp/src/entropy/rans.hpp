// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.hpp"

/// Range variant of asymmetric numeral systems (Duda 2013): frequencies of symbols, and what encoding and
/// decoding make of them. States are 32 bits, words 16; interleaved as in Giesen 2014.
namespace zipnn {

inline constexpr unsigned rans_bits = 12;
inline constexpr std::uint32_t rans_total = 1U << rans_bits;
inline constexpr std::size_t rans_lanes = 32;
/// Where every state begins in the encoder and must end in the decoder; a state is never below it.
inline constexpr std::uint32_t rans_floor = 1U << 16;

/// How many of the 4096 slots each symbol has; at least two symbols have some.
using Frequencies = std::array<std::uint16_t, 256>;

/// Frequencies near the weights' shares that a table can hold. Symbols so rare that an escape is cheaper
/// than a slot get none.
Frequencies frequencies_for(const std::array<std::uint64_t, 256>& weights);

/// Cost of each symbol in 1/256 bits.
std::array<std::uint32_t, 256> frequency_costs(const Frequencies& frequencies);

void write_frequencies(std::vector<std::uint8_t>& out, const Frequencies& frequencies);
/// Throws CorruptError.
Frequencies read_frequencies(Cursor& cursor);

/// What a slot says: bits 0..7 the symbol, 8..19 its frequency, 20..31 the slot's place among the symbol's.
using RansSlot = std::uint32_t;
/// Fills `rans_total` slots.
void build_slots(const Frequencies& frequencies, RansSlot* slots);

/// What encoding a symbol needs. For x < frequency << 20, x / frequency is x * reciprocal >> 44.
struct RansCode {
    std::uint64_t reciprocal;
    std::uint16_t frequency;
    std::uint16_t start;  ///< its first slot; and `rans_unseen` if the code is another symbol's
};
inline constexpr std::uint16_t rans_unseen = 0x8000;
inline constexpr unsigned rans_reciprocal_bits = 44;
/// Fills 256 codes; symbols without slots get the most frequent symbol's.
void build_codes(const Frequencies& frequencies, RansCode* codes);

/// Where the code of a sequence of symbols is being read or written.
struct RansState {
    std::array<std::uint32_t, rans_lanes> lanes;
    std::size_t at;  ///< offset of the next word (decoder), of the last one written (encoder)
};

}  // namespace zipnn
