// SPDX-License-Identifier: MIT
#include "deflate/effort.hpp"

#include <array>

namespace zipnn::deflate {

const Effort& effort_of(int level) {
    static constexpr std::array<Effort, 9> efforts{{
        {true, 4, 4, 8, 4},
        {true, 4, 5, 16, 8},
        {true, 4, 6, 32, 32},
        {false, 4, 4, 16, 16},
        {false, 8, 16, 32, 32},
        {false, 8, 16, 128, 128},
        {false, 8, 32, 128, 256},
        {false, 32, 128, 258, 1024},
        {false, 32, 258, 258, 4096},
    }};
    return efforts.at(static_cast<std::size_t>(level - 1));
}

}  // namespace zipnn::deflate
