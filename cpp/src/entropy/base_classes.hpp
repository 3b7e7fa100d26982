// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace zipnn {

inline constexpr std::size_t max_base_classes = 16;

/// Classes of a base's elements by eight of their bits, the key: class k ends with key `last_keys[k]`.
struct BaseClasses {
    BaseClasses() { last_keys.fill(0xff); }

    std::uint8_t shift = 0;  ///< of the element, to have the key in its lowest byte
    std::uint8_t count = 1;
    std::array<std::uint8_t, max_base_classes - 1>
        last_keys;  ///< of all classes but the last; rising, then 255
};

}  // namespace zipnn
