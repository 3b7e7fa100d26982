// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace zipnn {

/// How the bits of an element become a number whose differences are small (docs/format.md, 2.8).
enum class Order : std::uint8_t {
    integers = 0,  ///< as they are
    floats = 1,    ///< sign and magnitude
};

}  // namespace zipnn
