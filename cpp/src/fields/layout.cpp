// SPDX-License-Identifier: MIT
#include "fields/layout.hpp"

#include <array>

namespace zipnn {
namespace {

constexpr std::array<Layout, layout_count> layouts = {{
    {"stored", 1, 0, 0, 0, false},
    {"bytes", 1, 1, 0, 0, false},
    {"split16", 2, 2, 0, 0, false},
    {"zigzag16", 2, 2, 0, 0, false},
    {"float16", 2, 2, 0, 0, true},
    {"bfloat16w", 2, 2, 224, 3, true},
    {"split32", 4, 4, 0, 0, false},
    {"zigzag32", 4, 4, 0, 0, false},
    {"float32", 4, 4, 0, 0, true},
    {"float32w", 4, 4, 224, 3, true},
    {"split64", 8, 8, 0, 0, false},
    {"zigzag64", 8, 8, 0, 0, false},
    {"float64", 8, 8, 2047, 0, true},
    {"zstd", 1, 0, 0, 0, false},
    {"float8", 1, 1, 0, 0, true},
}};

}  // namespace

const Layout& layout_of(LayoutId id) { return layouts[static_cast<std::size_t>(id)]; }

}  // namespace zipnn
