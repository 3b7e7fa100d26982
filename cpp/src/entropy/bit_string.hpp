// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"

/// Strings of bits in a coder section: bytes are filled from bit 0 upwards, numbers have their lowest bit
/// first.
namespace zipnn {

class BitStringWriter {
  public:
    explicit BitStringWriter(std::vector<std::uint8_t>& out) : out_(out) {}

    void put(unsigned value, unsigned count) {
        for (unsigned i = 0; i < count; ++i, ++filled_) {
            if (filled_ % 8 == 0) out_.push_back(0);
            out_.back() = static_cast<std::uint8_t>(out_.back() | (value >> i & 1U) << filled_ % 8);
        }
    }

  private:
    std::vector<std::uint8_t>& out_;
    std::size_t filled_ = 0;
};

class BitStringReader {
  public:
    /// `what` names the string in errors.
    BitStringReader(Cursor& cursor, const char* what) : cursor_(cursor), what_(what) {}

    unsigned take(unsigned count) {
        unsigned value = 0;
        for (unsigned i = 0; i < count; ++i, ++taken_) {
            if (taken_ % 8 == 0) byte_ = cursor_.read<std::uint8_t>(what_);
            value |= (byte_ >> taken_ % 8 & 1U) << i;
        }
        return value;
    }
    /// Whether the unused bits of the last byte are 0.
    bool rest_is_zero() const { return taken_ % 8 == 0 || byte_ >> taken_ % 8 == 0; }

  private:
    Cursor& cursor_;
    const char* what_;
    std::uint8_t byte_ = 0;
    std::size_t taken_ = 0;
};

}  // namespace zipnn
