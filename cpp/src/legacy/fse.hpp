// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <span>

#include "bytes.hpp"

/// Finite state entropy coding (RFC 8878, 4.1).
namespace zipnn::legacy {

/// A string of bits that is read from its end, where a one marks where it begins. What lies in front of the
/// string reads as zeros.
class BackwardBits {
  public:
    /// Throws CorruptError if there is no mark.
    explicit BackwardBits(Bytes bytes);

    /// At most 32 bits.
    std::uint64_t read(unsigned count);
    /// Bits that are there; none after an overrun.
    std::uint64_t left() const { return left_ > 0 ? static_cast<std::uint64_t>(left_) : 0; }
    bool overrun() const { return left_ < 0; }

  private:
    Bytes bytes_;
    std::int64_t left_;
};

class FseTable {
  public:
    static constexpr unsigned max_log = 9;

    struct Entry {
        std::uint8_t symbol;
        std::uint8_t bits;   ///< to read for the next state
        std::uint16_t base;  ///< to which they are added
    };

    /// Reads a table description. Throws CorruptError if it is not whole, or has symbols above the largest.
    void read(Cursor& cursor, unsigned log_limit, unsigned largest_symbol);
    /// The table of a distribution; -1 stands for a probability below one.
    void build(std::span<const std::int16_t> counts, unsigned log);
    /// A table of one symbol, which takes no bits.
    void repeat(std::uint8_t symbol);

    unsigned log() const { return log_; }
    const Entry& at(std::uint64_t state) const { return entries_[state]; }
    const Entry& next(const Entry& entry, BackwardBits& bits) const {
        return entries_[entry.base + bits.read(entry.bits)];
    }

  private:
    unsigned log_ = 0;
    std::array<Entry, std::size_t{1} << max_log> entries_{};
};

}  // namespace zipnn::legacy
