// SPDX-License-Identifier: MIT
#include "entropy/layered_table.hpp"

#include <algorithm>

namespace zipnn {
namespace {

void fill_ranks(LayeredTable& table) {
    table.rank.fill(LayeredTable::unseen);
    for (std::uint8_t rank = 0; rank < table.count; ++rank) table.rank[table.symbols[rank]] = rank;
}

}  // namespace

LayeredTable layered_table(const Histogram& counts) {
    std::vector<std::uint8_t> symbols;
    for (std::size_t symbol = 0; symbol < 256; ++symbol)
        if (counts[symbol] != 0) symbols.push_back(static_cast<std::uint8_t>(symbol));
    std::ranges::stable_sort(symbols, std::greater{}, [&](std::uint8_t symbol) { return counts[symbol]; });
    LayeredTable table;
    table.count = static_cast<std::uint8_t>(std::min(symbols.size(), max_layered_symbols));
    std::copy_n(symbols.begin(), table.count, table.symbols.begin());
    fill_ranks(table);
    return table;
}

void write_layered_table(std::vector<std::uint8_t>& out, const LayeredTable& table) {
    out.push_back(table.count);
    out.insert(out.end(), table.symbols.begin(), table.symbols.begin() + table.count);
}

LayeredTable read_layered_table(Cursor& cursor) {
    LayeredTable table;
    table.count = cursor.read<std::uint8_t>("layered table");
    if (table.count == 0 || table.count > max_layered_symbols)
        throw CorruptError("layered table has a wrong number of symbols");
    const Bytes symbols = cursor.take(table.count, "layered table");
    std::ranges::copy(symbols, table.symbols.begin());
    fill_ranks(table);
    for (std::size_t rank = 0; rank < table.count; ++rank)
        if (table.rank[table.symbols[rank]] != rank) throw CorruptError("layered table repeats a symbol");
    return table;
}

}  // namespace zipnn
