// SPDX-License-Identifier: MIT
#include "frame/plane_encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "frame/plane_decoder.hpp"
#include "frame/scratch.hpp"
#include "simd/kernels.hpp"

namespace zipnn {
namespace {

/// Symbols of a tile by which its class is chosen: `probe_runs` runs, evenly spread.
constexpr std::size_t probe_runs = 8, probe_run = 96;
/// A tile with more escapes than these is looked at as a whole: they may stand where no run is, such as
/// biases between weights.
constexpr std::size_t many_escapes = 12;
/// Room for any tile's payload in front of the kernels' own needs.
constexpr std::size_t payload_room = 2 * tile_elements + 16;

bool all_equal(Bytes bytes) {
    return bytes.size() < 2 || std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// Adds the positions in the tile of symbols that have no code.
void list_unseen(const UnseenMap& map, std::vector<std::uint32_t>& unseen) {
    for (std::size_t word = 0; word < map.size(); ++word)
        for (std::uint64_t bits = map[word]; bits != 0; bits &= bits - 1)
            unseen.push_back(static_cast<std::uint32_t>(64 * word) +
                             static_cast<std::uint32_t>(std::countr_zero(bits)));
}

}  // namespace

struct PlaneEncoder::Tile {
    std::uint8_t tile_class = 0;  ///< 0: stored
    std::size_t size = 0;         ///< of the payload that was written
    bool sized = false;           ///< whether the directory holds the size
    std::vector<std::uint32_t> unseen;

    std::size_t coded_size() const { return size + 4 * unseen.size(); }
};

PlaneEncoder::PlaneEncoder(const Coder& coder) : coder_(coder), planes_(coder.planes.size()) {
    for (std::size_t plane = 0; plane < planes_.size(); ++plane) {
        PlaneTables& tables = planes_[plane];
        if (const ContextTable* table = context_table(coder.planes[plane])) {
            tables.contexts.emplace(*table);
            continue;
        }
        for (std::size_t i = 0; i < coder.planes[plane].size(); ++i) {
            const Table& table = coder.planes[plane][i];
            tables.costs[i / ClassCosts::classes].set(i % ClassCosts::classes, table_costs(table));
            auto& encode_table = tables.huffman.emplace_back();
            if (const HuffmanTable* huffman = huffman_of(table))
                build_encode_table(huffman->lengths, encode_table.emplace());
        }
    }
}

PlaneEncoder::Choice PlaneEncoder::choose_table(const PlaneTables& tables, std::size_t count, Bytes symbols,
                                                std::size_t stride, std::size_t run) const {
    std::array<std::uint64_t, 4 * ClassCosts::classes> sums{};
    for (std::size_t quad = 0; quad * ClassCosts::classes < count; ++quad) {
        std::array<std::uint64_t, ClassCosts::classes> part{};
        for (std::size_t at = 0; at < symbols.size(); at += stride)
            tables.costs[quad].add(symbols.subspan(at, std::min(run, symbols.size() - at)), part);
        std::ranges::copy(part, sums.begin() + static_cast<std::ptrdiff_t>(quad * ClassCosts::classes));
    }
    const auto best = std::min_element(sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(count));
    return {static_cast<std::size_t>(best - sums.begin()), *best};
}

/// Codes symbols (or groups) with the Huffman or layered code of a table.
void PlaneEncoder::encode_code(std::size_t plane, std::size_t table, Bytes symbols, std::uint8_t* target,
                               Tile& tile) const {
    const Kernels& kernels = active_kernels();
    UnseenMap unseen{};
    if (const LayeredTable* layered = layered_of(coder_.planes[plane][table])) {
        tile.size = kernels.layered_encode(*layered, symbols.data(), symbols.size(), target, unseen);
    } else {
        const HuffmanEncodeTable& huffman = *planes_[plane].huffman[table];
        tile.size = kernels.huffman_encode(huffman, symbols.data(), symbols.size(), target, unseen);
    }
    list_unseen(unseen, tile.unseen);
    tile.sized = true;
}

/// Codes groups two by two.
void PlaneEncoder::encode_pairs(std::size_t plane, std::size_t table, Bytes groups, std::uint8_t* target,
                                Tile& tile) const {
    TileBuffer pairs;
    const std::size_t n = groups.size();
    active_kernels().pack(4, groups.data(), n, pairs.data());
    encode_code(plane, table, Bytes(pairs).first(packed_size(4, n)), target, tile);
    if (!tile.unseen.empty()) {
        std::vector<std::uint32_t> elements;
        for (const std::uint32_t at : tile.unseen) {
            const std::uint32_t block = at / 64 * 128, first = block + at % 64;
            if (block + 128 <= n) {
                elements.push_back(first);
                elements.push_back(first + 64);
            } else {
                elements.push_back(static_cast<std::uint32_t>(n / 128 * 128 + (at - n / 128 * 64)));
            }
        }
        tile.unseen = std::move(elements);
    }
    // Groups that no pair can hold.
    constexpr std::size_t block = 64;
    for (std::size_t first = 0; first < n; first += block) {
        const Bytes part = groups.subspan(first, std::min(block, n - first));
        std::uint8_t all = 0;
        for (const std::uint8_t group : part) all |= group;
        if (all < 16) continue;
        for (std::size_t i = 0; i < part.size(); ++i)
            if (part[i] >= 16) tile.unseen.push_back(static_cast<std::uint32_t>(first + i));
    }
    std::ranges::sort(tile.unseen);
    tile.unseen.erase(std::ranges::unique(tile.unseen).begin(), tile.unseen.end());
}

PlaneEncoder::Tile PlaneEncoder::encode_with(std::size_t plane, std::size_t index, Bytes symbols,
                                             ExtraBits extra, std::uint8_t* target) const {
    const Table& table = coder_.planes[plane][index];
    Tile tile;
    tile.tile_class = static_cast<std::uint8_t>(index + 1);
    if (const auto* constant = std::get_if<ConstantTable>(&table)) {
        for (std::size_t i = 0; i < symbols.size(); ++i)
            if (symbols[i] != constant->value) tile.unseen.push_back(static_cast<std::uint32_t>(i));
    } else if (const Ranking* ranking = ranking_of(table)) {
        TileBuffer groups;
        active_kernels().rank(*ranking, extra.shift, symbols.data(), symbols.size(), groups.data(),
                              extra.bytes);
        const Bytes tile_groups = Bytes(groups).first(symbols.size());
        if (is_paired(table))
            encode_pairs(plane, index, tile_groups, target, tile);
        else
            encode_code(plane, index, tile_groups, target, tile);
    } else {
        encode_code(plane, index, symbols, target, tile);
    }
    return tile;
}

PlaneEncoder::Tile PlaneEncoder::encode_tile(std::size_t plane, Bytes symbols, ExtraBits extra,
                                             std::uint8_t* target) const {
    const std::vector<Table>& tables = coder_.planes[plane];
    const auto drop_extra_bits = [&] {
        if (extra.bytes == nullptr || ranking_of(tables[0]) == nullptr) return;
        for (std::size_t i = 0; i < symbols.size(); ++i)
            extra.bytes[i] = static_cast<std::uint8_t>(extra.bytes[i] & ((1U << extra.shift) - 1));
    };
    if (!tables.empty()) {
        const auto choose = [&](std::size_t stride, std::size_t run) {
            return choose_table(planes_[plane], tables.size(), symbols, stride, run);
        };
        const std::size_t index = tables.size() == 1 ? 0
                                  : symbols.size() < tile_elements
                                      ? choose(tile_elements, tile_elements).table
                                      : choose(tile_elements / probe_runs, probe_run).table;
        Tile tile = encode_with(plane, index, symbols, extra, target);
        std::size_t coded = tile.coded_size();
        if (tile.unseen.size() > many_escapes && tables.size() > 1) {
            const Choice choice = choose(tile_elements, tile_elements);
            if (choice.table != index && choice.cost / (8 * cost_of_bit) < coded) {
                drop_extra_bits();
                tile = encode_with(plane, choice.table, symbols, extra, target);
                coded = tile.coded_size();
            }
        }
        // Decoding a tile that saves next to nothing is a waste of time.
        if (coded + coded / 128 < symbols.size()) return tile;
        drop_extra_bits();
    }
    std::ranges::copy(symbols, target);
    return {0, symbols.size(), false, {}};
}

namespace {

/// Adds the escapes of the symbols `begin` to `end` of a plane: those without a code, at `unseen` behind
/// `begin`, and from `exponents` those below `end`; sorted.
void merge_escapes(Bytes symbols, const std::vector<std::uint32_t>& unseen, std::size_t begin,
                   std::size_t end, std::span<const std::uint32_t>& exponents,
                   std::vector<std::uint32_t>& escapes) {
    const auto add_exponents_below = [&](std::size_t limit) {
        while (!exponents.empty() && (exponents.front() & escape_position_mask) < limit) {
            escapes.push_back(exponents.front());
            exponents = exponents.subspan(1);
        }
    };
    for (const std::uint32_t at : unseen) {
        add_exponents_below(begin + at);
        escapes.push_back(static_cast<std::uint32_t>(begin + at) |
                          static_cast<std::uint32_t>(symbols[begin + at]) << 24);
    }
    add_exponents_below(end);
}

void append_escapes(std::vector<std::uint8_t>& out, const std::vector<std::uint32_t>& escapes) {
    if (escapes.empty()) return;
    append_le(out, static_cast<std::uint32_t>(escapes.size()));
    for (const std::uint32_t escape : escapes) append_le(out, escape);
}

}  // namespace

void PlaneEncoder::encode_contexts(const ContextEncoder& encoder, Bytes symbols, const Place& place,
                                   std::span<const std::uint32_t> exponents,
                                   std::vector<std::uint8_t>& out) const {
    thread_local std::vector<std::uint8_t> payload;
    payload.clear();
    std::vector<std::uint32_t> unseen, escapes;
    encoder.encode(symbols, place, payload, unseen);
    if (exponents.empty() && payload.size() + 4 * unseen.size() >= symbols.size()) {
        out.push_back(static_cast<std::uint8_t>(PlaneMode::stored));
        return append(out, symbols);
    }
    merge_escapes(symbols, unseen, 0, symbols.size(), exponents, escapes);
    const PlaneMode mode = escapes.empty() ? PlaneMode::contexts : PlaneMode::contexts_with_escapes;
    out.push_back(static_cast<std::uint8_t>(mode));
    append_le(out, static_cast<std::uint32_t>(payload.size()));
    append(out, payload);
    append_escapes(out, escapes);
}

bool PlaneEncoder::encode(std::size_t plane, Bytes symbols, const Place& place,
                          std::span<const std::uint32_t> exponents, ExtraBits extra,
                          std::vector<std::uint8_t>& out) const {
    const auto put_mode = [&](PlaneMode mode) { out.push_back(static_cast<std::uint8_t>(mode)); };
    if (!symbols.empty() && exponents.empty() && all_equal(symbols)) {
        put_mode(PlaneMode::constant);
        out.push_back(symbols[0]);
        return false;
    }
    if (planes_[plane].contexts) {
        encode_contexts(*planes_[plane].contexts, symbols, place, exponents, out);
        return false;
    }
    if (coder_.planes[plane].empty() && exponents.empty()) {
        if (const unsigned bits = coder_.packed_bits(plane); bits != 0) {
            put_mode(PlaneMode::packed);
            out.resize(out.size() + packed_size(bits, symbols.size()));
            active_kernels().pack(bits, symbols.data(), symbols.size(),
                                  out.data() + out.size() - packed_size(bits, symbols.size()));
            return false;
        }
        put_mode(PlaneMode::stored);
        append(out, symbols);
        return false;
    }
    const std::size_t start = out.size();
    const std::size_t tiles = (symbols.size() + tile_elements - 1) / tile_elements;
    std::vector<std::uint8_t> classes((tiles + 1) / 2), sizes;
    thread_local Scratch scratch;
    std::uint8_t* payloads = scratch.reserve(tiles * tile_elements + payload_room);
    std::vector<std::uint32_t> escapes;
    std::size_t payload = 0;
    bool coded = false;
    for (std::size_t t = 0; t < tiles; ++t) {
        const std::size_t begin = t * tile_elements;
        const Bytes part = symbols.subspan(begin, std::min(tile_elements, symbols.size() - begin));
        const ExtraBits tile_extra{extra.bytes == nullptr ? nullptr : extra.bytes + begin, extra.shift};
        const Tile tile = encode_tile(plane, part, tile_extra, payloads + payload);
        coded |= tile.tile_class != 0;
        classes[t / 2] = static_cast<std::uint8_t>(classes[t / 2] | tile.tile_class << (t % 2 * 4));
        if (tile.sized && tile.tile_class != 0) append_le(sizes, static_cast<std::uint16_t>(tile.size));
        payload += tile.size;
        merge_escapes(symbols, tile.unseen, begin, begin + part.size(), exponents, escapes);
    }
    if (!coded && escapes.empty()) {
        put_mode(PlaneMode::stored);
        append(out, symbols);
        return false;
    }
    out.reserve(start + classes.size() + sizes.size() + payload + 4 * escapes.size() + 8);
    put_mode(escapes.empty() ? PlaneMode::tiles : PlaneMode::tiles_with_escapes);
    append(out, classes);
    append(out, sizes);
    append(out, Bytes(payloads, payload));
    append_escapes(out, escapes);
    return true;
}

}  // namespace zipnn
