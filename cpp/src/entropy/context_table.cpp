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

namespace {

bool read_low_apart(Cursor& cursor) {
    const auto apart = cursor.read<std::uint8_t>("context table");
    if (apart > 1) throw CorruptError("context table has a wrong flag");
    return apart == 1;
}

void read_contexts(Cursor& cursor, std::size_t count, ContextTable& table) {
    for (std::size_t i = 0; i < count; ++i) table.contexts.push_back(read_frequencies(cursor));
    if (!table.low_apart) return;
    for (const Frequencies& context : table.contexts)
        if (std::any_of(context.begin() + 128, context.end(), [](auto frequency) { return frequency != 0; }))
            throw CorruptError("context table has symbols of too many bits");
}

void write_base_classes(std::vector<std::uint8_t>& out, const BaseClasses& classes) {
    out.push_back(classes.shift);
    out.push_back(classes.count);
    out.insert(out.end(), classes.last_keys.begin(), classes.last_keys.begin() + classes.count - 1);
}

}  // namespace

void write_context_table(std::vector<std::uint8_t>& out, const ContextTable& table) {
    out.push_back(table.low_apart ? 1 : 0);
    if (table.by_base) {
        write_base_classes(out, *table.by_base);
        for (const Frequencies& context : table.contexts) write_frequencies(out, context);
        return;
    }
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
    table.low_apart = read_low_apart(cursor);
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
    read_contexts(cursor, table.row_classes + table.column_classes - 1U, table);
    return table;
}

ContextTable read_base_table(Cursor& cursor, std::size_t width) {
    ContextTable table;
    table.low_apart = read_low_apart(cursor);
    BaseClasses& classes = table.by_base.emplace();
    classes.shift = cursor.read<std::uint8_t>("context table");
    classes.count = cursor.read<std::uint8_t>("context table");
    if (classes.shift > 8 * (width - 1) || classes.count == 0 || classes.count > max_base_classes)
        throw CorruptError("context table has wrong classes");
    for (std::size_t k = 0; k + 1U < classes.count; ++k) {
        classes.last_keys[k] = cursor.read<std::uint8_t>("context table");
        if (classes.last_keys[k] == 0xff || (k > 0 && classes.last_keys[k] <= classes.last_keys[k - 1]))
            throw CorruptError("context table has wrong classes");
    }
    read_contexts(cursor, classes.count, table);
    return table;
}

}  // namespace zipnn
