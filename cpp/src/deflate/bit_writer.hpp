// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "bytes.hpp"

namespace zipnn::deflate {

/// Bits fill bytes from bit 0 upwards.
class BitWriter {
  public:
    /// Makes room for so many bits; nothing may be put without.
    void make_room(std::uint64_t bits) {
        const auto needed = static_cast<std::size_t>(size_ + bits / 8 + 2 * sizeof pending_);
        if (bytes_.size() < needed) bytes_.resize(needed);
    }
    /// At most 48 bits at a time.
    void put(std::uint64_t value, unsigned count) {
        pending_ |= value << filled_;
        filled_ += count;
        store_le(bytes_.data() + size_, pending_);
        size_ += filled_ / 8;
        pending_ >>= filled_ & ~7U;
        filled_ &= 7U;
    }
    /// Fills up the last byte with 0.
    void align() {
        if (filled_ != 0) put(0, 8 - filled_);
    }
    /// Whole bytes, of which the first begins one. They need no room.
    void append(Bytes bytes) {
        bytes_.resize(size_);
        zipnn::append(bytes_, bytes);
        size_ = bytes_.size();
    }

    Bytes bytes() const { return Bytes(bytes_).first(size_); }
    /// Forgets the bytes, but not the bits of one that is not full yet.
    void clear() { size_ = 0; }

  private:
    std::vector<std::uint8_t> bytes_;
    std::size_t size_ = 0;
    std::uint64_t pending_ = 0;
    unsigned filled_ = 0;
};

}  // namespace zipnn::deflate
