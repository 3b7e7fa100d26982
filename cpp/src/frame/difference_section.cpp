// SPDX-License-Identifier: MIT
#include "frame/difference_section.hpp"

#include <algorithm>

namespace zipnn {

bool is_difference_layout(LayoutId layout) {
    return layout == LayoutId::bytes || layout == LayoutId::split16 || layout == LayoutId::split32 ||
           layout == LayoutId::split64;
}

void write_difference_section(std::vector<std::uint8_t>& out, const Difference& difference,
                              const Coder& coder) {
    out.push_back(static_cast<std::uint8_t>(difference.form));
    out.push_back(static_cast<std::uint8_t>(difference.order));
    append_le(out, difference.base_hash);
    if (difference.form == Difference::Form::identical) return;
    if (difference.form == Difference::Form::sparse) out.push_back(difference.gap_bits);
    write_coder(out, coder);
}

Difference read_difference_section(Cursor& cursor, LayoutId layout, Coder& coder) {
    Difference difference;
    difference.form = static_cast<Difference::Form>(cursor.read<std::uint8_t>("coder section"));
    difference.order = static_cast<Order>(cursor.read<std::uint8_t>("coder section"));
    if (difference.form > Difference::Form::sparse || difference.order > Order::floats)
        throw UnsupportedVersionError("difference of an unknown form: a newer zipnn is needed");
    difference.base_hash = cursor.read<std::uint64_t>("coder section");
    coder.layout = layout;
    if (difference.form == Difference::Form::identical) return difference;
    const bool sparse = difference.form == Difference::Form::sparse;
    if (sparse) difference.gap_bits = cursor.read<std::uint8_t>("coder section");
    if (difference.gap_bits > max_gap_bits) throw CorruptError("coder section has wrong gaps");
    coder = read_difference_coder(cursor, layout, gap_planes(difference) + layout_of(layout).planes);
    const auto not_of_entries = [](const Table& table) {
        return ranking_of(table) != nullptr || std::holds_alternative<ContextTable>(table);
    };
    for (const auto& tables : coder.planes)
        if (sparse && std::ranges::any_of(tables, not_of_entries))
            throw CorruptError("coder section has a table that cannot be of changed elements");
    return difference;
}

}  // namespace zipnn
