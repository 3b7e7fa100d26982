// SPDX-License-Identifier: MIT
#include "entropy/context_table.hpp"

#include <algorithm>

namespace zipnn {

void ContextTable::fill_contexts(std::uint64_t first, std::size_t count, const std::uint8_t* row_class,
                                 std::uint8_t* out) const {
    auto column = static_cast<std::size_t>(first % row_length);
    while (count != 0) {
        const std::size_t run = std::min<std::size_t>(count, row_length - column);
        const std::uint8_t base = *row_class++;
        if (columns.empty())
            std::fill_n(out, run, base);
        else
            for (std::size_t i = 0; i < run; ++i)
                out[i] = static_cast<std::uint8_t>(base + columns[column + i]);
        out += run;
        count -= run;
        column = 0;
    }
}

void write_context_table(std::vector<std::uint8_t>& out, const ContextTable& table) {
    out.push_back(table.low_apart ? 1 : 0);
    append_le(out, table.row_length);
    out.push_back(table.row_classes);
    out.push_back(table.column_classes);
    if (table.column_classes > 1) {
        for (std::size_t i = 0; i < table.row_length; ++i) {
            if (i % 4 == 0) out.push_back(0);
            out.back() = static_cast<std::uint8_t>(out.back() | table.columns[i] << i % 4 * 2);
        }
    }
    if (table.row_classes > 1) write_frequencies(out, table.rows);
    for (const Frequencies& context : table.contexts) write_frequencies(out, context);
}

ContextTable read_context_table(Cursor& cursor) {
    ContextTable table;
    const auto apart = cursor.read<std::uint8_t>("context table");
    if (apart > 1) throw CorruptError("context table has a wrong flag");
    table.low_apart = apart == 1;
    table.row_length = cursor.read<std::uint32_t>("context table");
    table.row_classes = cursor.read<std::uint8_t>("context table");
    table.column_classes = cursor.read<std::uint8_t>("context table");
    if (table.row_length == 0 || table.row_length > max_row_length || table.row_classes == 0 ||
        table.row_classes > max_row_classes || table.column_classes == 0 ||
        table.column_classes > max_column_classes)
        throw CorruptError("context table has wrong sizes");
    if (table.column_classes > 1) {
        const Bytes packed = cursor.take((table.row_length + 3) / 4, "context table");
        table.columns.resize(table.row_length);
        for (std::size_t i = 0; i < table.row_length; ++i) {
            table.columns[i] = packed[i / 4] >> i % 4 * 2 & 3;
            if (table.columns[i] >= table.column_classes)
                throw CorruptError("context table has a wrong class of a column");
        }
        if (table.row_length % 4 != 0 && packed.back() >> table.row_length % 4 * 2 != 0)
            throw CorruptError("context table has stray bits");
    }
    if (table.row_classes > 1) {
        table.rows = read_frequencies(cursor);
        for (std::size_t symbol = table.row_classes; symbol < table.rows.size(); ++symbol)
            if (table.rows[symbol] != 0) throw CorruptError("context table has a wrong class of a row");
    }
    for (unsigned i = 0; i + 1U < unsigned{table.row_classes} + table.column_classes; ++i)
        table.contexts.push_back(read_frequencies(cursor));
    if (table.low_apart)
        for (const Frequencies& context : table.contexts)
            if (std::any_of(context.begin() + 128, context.end(),
                            [](auto frequency) { return frequency != 0; }))
                throw CorruptError("context table has symbols of too many bits");
    return table;
}

}  // namespace zipnn
