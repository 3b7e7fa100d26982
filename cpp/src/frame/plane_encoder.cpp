// SPDX-License-Identifier: MIT
#include "frame/plane_encoder.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "simd/kernels.hpp"

namespace zipnn {
namespace {

/// Symbols of a tile by which its class is chosen: `probe_runs` runs, evenly spread.
constexpr std::size_t probe_runs = 4, probe_run = 128;
/// Room for any tile's payload in front of the kernels' own needs.
constexpr std::size_t payload_room = 2 * tile_elements + 16;

bool all_equal(Bytes bytes) {
    return bytes.size() < 2 || std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// Positions in the tile of symbols that the table has no code for.
template <typename IsUnseen>
void list_unseen(Bytes symbols, IsUnseen is_unseen, std::vector<std::uint32_t>& unseen) {
    for (std::size_t i = 0; i < symbols.size(); ++i)
        if (is_unseen(symbols[i])) unseen.push_back(static_cast<std::uint32_t>(i));
}

}  // namespace

struct PlaneEncoder::Tile {
    std::uint8_t tile_class = 0;  ///< 0: stored
    std::size_t size = 0;         ///< of the payload that was written
    bool sized = false;           ///< whether the directory holds the size
    std::vector<std::uint32_t> unseen;
};

PlaneEncoder::PlaneEncoder(const Coder& coder) : coder_(coder), planes_(coder.planes.size()) {
    for (std::size_t plane = 0; plane < planes_.size(); ++plane) {
        PlaneTables& tables = planes_[plane];
        for (std::size_t i = 0; i < coder.planes[plane].size(); ++i) {
            const Table& table = coder.planes[plane][i];
            tables.costs[i / ClassCosts::classes].set(i % ClassCosts::classes, table_costs(table));
            auto& encode_table = tables.huffman.emplace_back();
            if (const auto* huffman = std::get_if<HuffmanTable>(&table))
                build_encode_table(huffman->lengths, encode_table.emplace());
        }
    }
}

std::size_t PlaneEncoder::choose_table(const PlaneTables& tables, std::size_t count, Bytes symbols) const {
    if (count == 1) return 0;
    std::array<std::uint64_t, 4 * ClassCosts::classes> sums{};
    for (std::size_t quad = 0; quad * ClassCosts::classes < count; ++quad) {
        std::array<std::uint64_t, ClassCosts::classes> part{};
        if (symbols.size() < tile_elements) {
            tables.costs[quad].add(symbols, part);
        } else {
            for (std::size_t run = 0; run < probe_runs; ++run)
                tables.costs[quad].add(symbols.subspan(run * (tile_elements / probe_runs), probe_run), part);
        }
        std::ranges::copy(part, sums.begin() + static_cast<std::ptrdiff_t>(quad * ClassCosts::classes));
    }
    return static_cast<std::size_t>(
        std::min_element(sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(count)) - sums.begin());
}

PlaneEncoder::Tile PlaneEncoder::encode_tile(std::size_t plane, Bytes symbols, std::uint8_t* target) const {
    const std::vector<Table>& tables = coder_.planes[plane];
    Tile tile;
    if (!tables.empty()) {
        const std::size_t index = choose_table(planes_[plane], tables.size(), symbols);
        const Table& table = tables[index];
        const Kernels& kernels = active_kernels();
        bool unseen = false;
        if (const auto* constant = std::get_if<ConstantTable>(&table)) {
            list_unseen(symbols, [&](std::uint8_t s) { return s != constant->value; }, tile.unseen);
        } else if (const auto* layered = std::get_if<LayeredTable>(&table)) {
            tile.size = kernels.layered_encode(*layered, symbols.data(), symbols.size(), target, &unseen);
            if (unseen)
                list_unseen(
                    symbols, [&](std::uint8_t s) { return layered->rank[s] == LayeredTable::unseen; },
                    tile.unseen);
        } else {
            const HuffmanEncodeTable& huffman = *planes_[plane].huffman[index];
            tile.size = kernels.huffman_encode(huffman, symbols.data(), symbols.size(), target, &unseen);
            if (unseen)
                list_unseen(
                    symbols,
                    [&](std::uint8_t s) { return (huffman.codes[s] & HuffmanEncodeTable::unseen_flag) != 0; },
                    tile.unseen);
        }
        tile.sized = !std::holds_alternative<ConstantTable>(table);
        tile.tile_class = static_cast<std::uint8_t>(index + 1);
        // Decoding a tile that saves next to nothing is a waste of time.
        const std::size_t coded = tile.size + 4 * tile.unseen.size();
        if (coded + coded / 128 < symbols.size()) return tile;
    }
    std::ranges::copy(symbols, target);
    return {0, symbols.size(), false, {}};
}

void PlaneEncoder::encode(std::size_t plane, Bytes symbols, std::span<const std::uint32_t> overflows,
                          std::vector<std::uint8_t>& out) const {
    const auto put_mode = [&](PlaneMode mode) { out.push_back(static_cast<std::uint8_t>(mode)); };
    if (!symbols.empty() && overflows.empty() && all_equal(symbols)) {
        put_mode(PlaneMode::constant);
        out.push_back(symbols[0]);
        return;
    }
    const std::size_t start = out.size();
    const std::size_t tiles = (symbols.size() + tile_elements - 1) / tile_elements;
    std::vector<std::uint8_t> classes((tiles + 1) / 2), sizes, payloads(tiles * tile_elements + payload_room);
    std::vector<std::uint32_t> escapes;
    std::size_t payload = 0;
    bool coded = false;
    auto overflow = overflows.begin();
    for (std::size_t t = 0; t < tiles; ++t) {
        const std::size_t first = t * tile_elements;
        const Bytes part = symbols.subspan(first, std::min(tile_elements, symbols.size() - first));
        const Tile tile = encode_tile(plane, part, payloads.data() + payload);
        coded |= tile.tile_class != 0;
        classes[t / 2] = static_cast<std::uint8_t>(classes[t / 2] | tile.tile_class << (t % 2 * 4));
        if (tile.sized && tile.tile_class != 0) append_le(sizes, static_cast<std::uint16_t>(tile.size));
        payload += tile.size;
        // Merge the two sorted lists of the tile: unseen symbols and overflows.
        auto unseen = tile.unseen.begin();
        while (unseen != tile.unseen.end() ||
               (overflow != overflows.end() && *overflow < first + part.size())) {
            const bool have_overflow = overflow != overflows.end() && *overflow < first + part.size();
            const std::size_t next_unseen = unseen != tile.unseen.end() ? first + *unseen : ~std::size_t{0};
            const std::size_t at =
                have_overflow ? std::min<std::size_t>(*overflow, next_unseen) : next_unseen;
            const bool overflowed = have_overflow && *overflow == at;
            escapes.push_back(static_cast<std::uint32_t>(at) | (overflowed ? escape_overflow : 0) |
                              static_cast<std::uint32_t>(symbols[at]) << 24);
            if (overflowed) ++overflow;
            if (next_unseen == at) ++unseen;
        }
    }
    if (!coded && escapes.empty()) {
        put_mode(PlaneMode::stored);
        append(out, symbols);
        return;
    }
    out.reserve(start + classes.size() + sizes.size() + payload + 4 * escapes.size() + 8);
    put_mode(escapes.empty() ? PlaneMode::tiles : PlaneMode::tiles_with_escapes);
    append(out, classes);
    append(out, sizes);
    append(out, Bytes(payloads).first(payload));
    if (escapes.empty()) return;
    append_le(out, static_cast<std::uint32_t>(escapes.size()));
    for (const std::uint32_t escape : escapes) append_le(out, escape);
}

}  // namespace zipnn
