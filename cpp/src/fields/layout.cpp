// SPDX-License-Identifier: MIT
#include "fields/layout.hpp"

#include <array>

namespace zipnn {
namespace {

constexpr std::array<Layout, layout_count> layouts = {{
    {"stored", 1, 0, 0, false, false},
    {"bytes", 1, 1, 0, false, false},
    {"split16", 2, 2, 0, false, false},
    {"zigzag16", 2, 2, 0, false, false},
    {"float16", 2, 2, 0, false, true},
    {"bfloat16x", 2, 2, 511, true, true},
    {"split32", 4, 4, 0, false, false},
    {"zigzag32", 4, 4, 0, false, false},
    {"float32", 4, 4, 0, false, true},
    {"float32x", 4, 4, 511, true, true},
    {"split64", 8, 8, 0, false, false},
    {"zigzag64", 8, 8, 0, false, false},
    {"float64", 8, 8, 2047, false, true},
    {"zstd", 1, 0, 0, false, false},
}};

}  // namespace

const Layout& layout_of(LayoutId id) { return layouts[static_cast<std::size_t>(id)]; }

}  // namespace zipnn
