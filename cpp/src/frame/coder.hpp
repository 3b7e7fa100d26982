// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "entropy/context_table.hpp"
#include "entropy/huffman_table.hpp"
#include "entropy/layered_table.hpp"
#include "entropy/ranking.hpp"
#include "fields/layout.hpp"

/// The coder section of a frame: layout and, for each plane, its tables (docs/format.md, 2.4).
namespace zipnn {

struct ConstantTable {
    std::uint8_t value;
};

struct HuffmanTable {
    CodeLengths lengths;
};

/// Symbols by rank: the groups go through a table of their own, the extra bits are stored.
struct RankedTable {
    Ranking ranking;
    bool paired = false;  ///< the table is a Huffman table of the bytes of packed(4, groups)
    std::variant<HuffmanTable, LayeredTable> groups;
};

using Table = std::variant<ConstantTable, HuffmanTable, LayeredTable, RankedTable, ContextTable>;

/// The Huffman or layered code of a table, its own or that of its groups; null if it has none.
const HuffmanTable* huffman_of(const Table& table);
const LayeredTable* layered_of(const Table& table);
/// Whether the table codes pairs of groups.
bool is_paired(const Table& table);
/// The ranking of a table; null if it has none.
const Ranking* ranking_of(const Table& table);
/// The context table of a plane, which then has no other table; null if it has none.
const ContextTable* context_table(const std::vector<Table>& tables);

enum class PlaneMode : std::uint8_t {
    stored = 0,
    constant = 1,
    tiles = 2,
    tiles_with_escapes = 3,
    packed = 4,
    contexts = 5,
    contexts_with_escapes = 6
};

/// Bits of an escape (docs/format.md, 2.5).
inline constexpr std::uint32_t escape_position_mask = (1U << 18) - 1;
inline constexpr std::uint32_t escape_exponent = 1U << 18;
inline constexpr std::uint32_t escape_reserved = 0x00f80000U;

struct Coder {
    LayoutId layout = LayoutId::stored;
    std::uint16_t base = 0;
    std::vector<std::vector<Table>> planes;  ///< tables of each plane

    const Layout& properties() const { return layout_of(layout); }
    /// Extra bits of plane 0's ranked tables; 0 if it has none.
    unsigned extra_bits() const;
    /// Whether the extra bits have a packed section of their own, behind plane 0.
    bool extra_packed() const { return extra_bits() != 0 && !properties().windowed(); }
    /// Bits of a plane's bytes in mode `packed`: its own, if no ranks can fill the others; 0: no such mode.
    unsigned packed_bits(std::size_t plane) const;
};

void write_coder(std::vector<std::uint8_t>& out, const Coder& coder);
/// Throws CorruptError, or UnsupportedVersionError for an unknown table kind.
Coder read_coder(Cursor& cursor, LayoutId layout);
/// The same of `planes` planes of a difference, whose tables may follow the base.
Coder read_difference_coder(Cursor& cursor, LayoutId layout, std::size_t planes);

}  // namespace zipnn
