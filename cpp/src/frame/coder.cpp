// SPDX-License-Identifier: MIT
#include "frame/coder.hpp"

#include <algorithm>

#include "zipnn/frame.hpp"

namespace zipnn {
namespace {

enum class TableKind : std::uint8_t {
    constant = 1,
    huffman = 2,
    layered = 3,
    ranked = 4,
    contexts = 5,
    paired = 6,
    contexts_by_base = 7
};

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
    void operator()(const RankedTable& table) const {
        kind(TableKind::ranked);
        write_ranking(out, table.ranking);
        if (table.paired) {
            kind(TableKind::paired);
            write_huffman_table(out, std::get<HuffmanTable>(table.groups).lengths);
        } else {
            std::visit(*this, table.groups);
        }
    }
    void operator()(const ContextTable& table) const {
        kind(table.by_base ? TableKind::contexts_by_base : TableKind::contexts);
        write_context_table(out, table);
    }
};

RankedTable read_ranked_table(Cursor& cursor) {
    const Ranking ranking = read_ranking(cursor);
    const auto kind = static_cast<TableKind>(cursor.read<std::uint8_t>("coder section"));
    if (kind == TableKind::paired) return {ranking, true, HuffmanTable{read_huffman_table(cursor)}};
    if (kind == TableKind::huffman) {
        const HuffmanTable groups{read_huffman_table(cursor)};
        for (std::size_t group = ranking.groups(); group < groups.lengths.size(); ++group)
            if (groups.lengths[group] != 0) throw CorruptError("ranked table has a wrong group");
        return {ranking, false, groups};
    }
    if (kind != TableKind::layered) throw CorruptError("ranked table has no table of its groups");
    const LayeredTable groups = read_layered_table(cursor);
    for (std::size_t rank = 0; rank < groups.count; ++rank)
        if (groups.symbols[rank] >= ranking.groups()) throw CorruptError("ranked table has a wrong group");
    return {ranking, false, groups};
}

/// `base_width`: of the base's elements; 0 if there is no base.
Table read_table(Cursor& cursor, std::size_t base_width) {
    switch (static_cast<TableKind>(cursor.read<std::uint8_t>("coder section"))) {
        case TableKind::constant: return ConstantTable{cursor.read<std::uint8_t>("coder section")};
        case TableKind::huffman: return HuffmanTable{read_huffman_table(cursor)};
        case TableKind::layered: return read_layered_table(cursor);
        case TableKind::ranked: return read_ranked_table(cursor);
        case TableKind::contexts: return read_context_table(cursor);
        case TableKind::paired: throw CorruptError("paired table outside of a ranked one");
        case TableKind::contexts_by_base:
            if (base_width != 0) return read_base_table(cursor, base_width);
    }
    throw UnsupportedVersionError("unknown table kind: a newer zipnn is needed");
}

/// The tables of a plane.
std::vector<Table> read_tables(Cursor& cursor, std::size_t base_width) {
    const std::size_t count = cursor.read<std::uint8_t>("coder section");
    if (count > max_tables) throw CorruptError("coder section has too many tables");
    std::vector<Table> tables;
    for (std::size_t i = 0; i < count; ++i) tables.push_back(read_table(cursor, base_width));
    const auto is_context_table = [](const Table& table) {
        return std::holds_alternative<ContextTable>(table);
    };
    if (tables.size() > 1 && std::ranges::any_of(tables, is_context_table))
        throw CorruptError("coder section has a context table beside others");
    return tables;
}

/// Ranked tables are in plane 0, agree on the extra bits, and those fill spare bits exactly.
void check_rankings(const Coder& coder) {
    const unsigned spare = coder.properties().spare_bits;
    unsigned extra_bits = spare;
    for (std::size_t plane = 0; plane < coder.planes.size(); ++plane) {
        for (const Table& table : coder.planes[plane]) {
            const Ranking* ranking = ranking_of(table);
            if (ranking == nullptr) continue;
            if (plane != 0 || (extra_bits != 0 && ranking->extra_bits != extra_bits))
                throw CorruptError("ranked table where it cannot be");
            extra_bits = ranking->extra_bits;
        }
    }
}

}  // namespace

const HuffmanTable* huffman_of(const Table& table) {
    const auto* ranked = std::get_if<RankedTable>(&table);
    return ranked != nullptr ? std::get_if<HuffmanTable>(&ranked->groups) : std::get_if<HuffmanTable>(&table);
}

const LayeredTable* layered_of(const Table& table) {
    const auto* ranked = std::get_if<RankedTable>(&table);
    return ranked != nullptr ? std::get_if<LayeredTable>(&ranked->groups) : std::get_if<LayeredTable>(&table);
}

bool is_paired(const Table& table) {
    const auto* ranked = std::get_if<RankedTable>(&table);
    return ranked != nullptr && ranked->paired;
}

const Ranking* ranking_of(const Table& table) {
    const auto* ranked = std::get_if<RankedTable>(&table);
    return ranked != nullptr ? &ranked->ranking : nullptr;
}

const ContextTable* context_table(const std::vector<Table>& tables) {
    return tables.size() == 1 ? std::get_if<ContextTable>(&tables[0]) : nullptr;
}

unsigned Coder::packed_bits(std::size_t plane) const {
    if (plane != 1 || !properties().windowed() || context_table(planes[0]) == nullptr) return 0;
    return 8 - properties().spare_bits;
}

unsigned Coder::extra_bits() const {
    if (planes.empty()) return 0;
    for (const Table& table : planes[0])
        if (const Ranking* ranking = ranking_of(table)) return ranking->extra_bits;
    return 0;
}

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
    for (auto& tables : coder.planes) tables = read_tables(cursor, 0);
    check_rankings(coder);
    return coder;
}

Coder read_difference_coder(Cursor& cursor, LayoutId layout, std::size_t planes) {
    Coder coder;
    coder.layout = layout;
    coder.planes.resize(planes);
    for (auto& tables : coder.planes) tables = read_tables(cursor, coder.properties().width);
    check_rankings(coder);
    return coder;
}

}  // namespace zipnn
