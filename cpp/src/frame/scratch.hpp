// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include "zipnn/limits.hpp"

namespace zipnn {

/// Memory that is kept from use to use, with the slack that kernels may write before and behind it.
class Scratch {
  public:
    /// At least `size` bytes; what was there is gone if that is more than ever before.
    std::uint8_t* reserve(std::size_t size) {
        if (capacity_ < size) {
            memory_ = std::make_unique_for_overwrite<std::uint8_t[]>(size + 2 * slack);
            capacity_ = size;
        }
        return data();
    }
    std::uint8_t* data() const { return memory_ ? memory_.get() + slack : nullptr; }

  private:
    std::unique_ptr<std::uint8_t[]> memory_;
    std::size_t capacity_ = 0;
};

}  // namespace zipnn
