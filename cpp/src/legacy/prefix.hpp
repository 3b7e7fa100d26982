// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "bytes.hpp"

namespace zipnn::legacy {

/// Thrown where more of the input has to be given, not where it ends.
struct NeedMore {
    std::uint64_t size;  ///< from the input's beginning
};

/// Reads the beginning of an input of which only a part is in memory.
class Prefix {
  public:
    Prefix(Bytes bytes, std::uint64_t available) : bytes_(bytes), available_(available) {}

    std::uint64_t position() const { return at_; }
    void go_to(std::uint64_t position) { at_ = position; }
    std::uint64_t left() const { return available_ - at_; }
    std::uint64_t available() const { return available_; }

    /// The input ends here. It is not longer than before.
    void end_at(std::uint64_t available) { available_ = available; }

    Bytes peek(std::uint64_t size, const char* what) const {
        if (size > left()) throw CorruptError(std::string(what) + " is truncated");
        if (at_ + size > bytes_.size()) throw NeedMore{at_ + size};
        return bytes_.subspan(at_, size);
    }
    Bytes take(std::uint64_t size, const char* what) {
        const Bytes taken = peek(size, what);
        at_ += size;
        return taken;
    }
    template <std::unsigned_integral T>
    T read(const char* what) {
        return load_le<T>(take(sizeof(T), what).data());
    }

  private:
    Bytes bytes_;
    std::uint64_t available_;
    std::uint64_t at_ = 0;
};

}  // namespace zipnn::legacy
