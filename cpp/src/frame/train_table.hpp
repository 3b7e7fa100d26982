// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "frame/coder.hpp"
#include "zipnn/frame.hpp"

/// One table for symbols that a sample has counted.
namespace zipnn {

std::uint64_t total_of(const Histogram& counts);

/// The table of a class. `whole`: what all classes of the plane have. `exponent`: symbols order elements by
/// magnitude. `extra_bits`: of a ranked table; 0 for none.
Table class_table(const Histogram& counts, const Histogram& whole, bool exponent, unsigned extra_bits,
                  Level level);

/// A ranked table that has a code for every symbol, however rare.
Table wide_table(const Histogram& counts, unsigned extra_bits);

/// How many bits of ranks are stored rather than coded, by the histogram of the whole sample; 0 for none.
/// `large`: one bit less is tried too, where the time for it does not show.
unsigned choose_extra_bits(const Histogram& whole, bool large, Level level);

/// What the symbols cost under one table for all of them, without extra bits; with ranked tables of
/// `extra_bits`, if not 0.
std::uint64_t coded_cost(const Histogram& counts, unsigned extra_bits, Level level);

}  // namespace zipnn
