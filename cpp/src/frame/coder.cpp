// SPDX-License-Identifier: MIT
#include "frame/coder.hpp"

#include "zipnn/frame.hpp"

namespace zipnn {
namespace {

enum class TableKind : std::uint8_t { constant = 1, huffman = 2, layered = 3 };

struct TableWriter {
    std::vector<std::uint8_t>& out;

    void kind(TableKind kind) const { out.push_back(static_cast<std::uint8_t>(kind)); }
    void operator()(const ConstantTable& table) const {
        kind(TableKind::constant);
        out.push_back(table.value);
    }
    void operator()(const HuffmanTable& table) const {
        kind(TableKind::huffman);
        write_huffman_table(out, table.lengths);
    }
    void operator()(const LayeredTable& table) const {
        kind(TableKind::layered);
        write_layered_table(out, table);
    }
};

Table read_table(Cursor& cursor) {
    switch (static_cast<TableKind>(cursor.read<std::uint8_t>("coder section"))) {
        case TableKind::constant: return ConstantTable{cursor.read<std::uint8_t>("coder section")};
        case TableKind::huffman: return HuffmanTable{read_huffman_table(cursor)};
        case TableKind::layered: return read_layered_table(cursor);
    }
    throw UnsupportedVersionError("unknown table kind: a newer zipnn is needed");
}

}  // namespace

void write_coder(std::vector<std::uint8_t>& out, const Coder& coder) {
    if (coder.properties().base_limit != 0) append_le(out, coder.base);
    for (const auto& tables : coder.planes) {
        out.push_back(static_cast<std::uint8_t>(tables.size()));
        for (const Table& table : tables) std::visit(TableWriter{out}, table);
    }
}

Coder read_coder(Cursor& cursor, LayoutId layout) {
    Coder coder;
    coder.layout = layout;
    const Layout& properties = coder.properties();
    if (properties.base_limit != 0) coder.base = cursor.read<std::uint16_t>("coder section");
    if (coder.base > properties.base_limit) throw CorruptError("coder section has a wrong base");
    coder.planes.resize(properties.planes);
    for (auto& tables : coder.planes) {
        const std::size_t count = cursor.read<std::uint8_t>("coder section");
        if (count > max_tables) throw CorruptError("coder section has too many tables");
        for (std::size_t i = 0; i < count; ++i) tables.push_back(read_table(cursor));
    }
    return coder;
}

}  // namespace zipnn
