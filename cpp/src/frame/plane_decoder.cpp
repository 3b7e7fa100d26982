// SPDX-License-Identifier: MIT
#include "frame/plane_decoder.hpp"

#include <algorithm>

#include "simd/kernels.hpp"

namespace zipnn {

/// Up to so many, symbols are looked up one by one.
constexpr std::uint64_t few_elements = 4096;

DecodeTables::DecodeTables(const Coder& coder, Bytes readable, std::uint64_t elements)
    : coder_(coder), readable_end_(readable.data() + readable.size()) {
    for (std::size_t plane = 0; plane < coder.planes.size(); ++plane) {
        if (const ContextTable* table = context_table(coder.planes[plane]))
            contexts_[plane] = std::make_unique<ContextDecoder>(*table);
        for (std::size_t i = 0; i < coder.planes[plane].size(); ++i) {
            if (const HuffmanTable* table = huffman_of(coder.planes[plane][i])) {
                huffman_[plane][i] = std::make_unique_for_overwrite<HuffmanDecodeTable>();
                build_decode_table(table->lengths, *huffman_[plane][i], elements > few_elements);
            }
        }
    }
}

void PlaneDecoder::open(const DecodeTables& tables, std::size_t plane, Cursor& cursor, const Place& place,
                        std::size_t n) {
    tables_ = &tables;
    plane_tables_ = &tables.coder().planes[plane];
    plane_ = plane;
    place_ = place;
    n_ = n;
    symbol_escapes_.clear();
    exponent_escapes_.clear();
    copies_.clear();
    mode_ = static_cast<PlaneMode>(cursor.read<std::uint8_t>("payload"));
    switch (mode_) {
        case PlaneMode::stored: stored_ = cursor.take(n, "stored plane").data(); return;
        case PlaneMode::constant: value_ = cursor.read<std::uint8_t>("constant plane"); return;
        case PlaneMode::tiles:
        case PlaneMode::tiles_with_escapes:
            read_directory(cursor);
            if (mode_ == PlaneMode::tiles_with_escapes) read_escapes(cursor);
            return;
        case PlaneMode::packed: read_packed(cursor); return;
        case PlaneMode::contexts:
        case PlaneMode::contexts_with_escapes:
            read_contexts(cursor);
            if (mode_ == PlaneMode::contexts_with_escapes) read_escapes(cursor);
            return;
    }
    throw CorruptError("payload has an unknown plane mode");
}

void PlaneDecoder::read_packed(Cursor& cursor) {
    const unsigned bits = tables_->coder().packed_bits(plane_);
    if (bits == 0) throw CorruptError("packed plane where it cannot be");
    for (std::size_t tile = 0; tile < tile_count(); ++tile)
        payloads_[tile] = cursor.take(packed_size(bits, elements_of(tile)), "packed plane");
}

void PlaneDecoder::read_contexts(Cursor& cursor) {
    if (tables_->contexts(plane_) == nullptr) throw CorruptError("plane is coded without a context table");
    coded_ = with_slack(cursor.take(cursor.read<std::uint32_t>("coded plane"), "coded plane"));
}

void PlaneDecoder::read_directory(Cursor& cursor) {
    if (tables_->contexts(plane_) != nullptr) throw CorruptError("tiles have a context table");
    const std::size_t tiles = tile_count();
    const Bytes classes = cursor.take((tiles + 1) / 2, "tile directory");
    if (tiles % 2 != 0 && classes.back() >> 4 != 0) throw CorruptError("tile directory has stray bits");
    std::array<std::size_t, max_tiles> sizes;
    for (std::size_t tile = 0; tile < tiles; ++tile) {
        const std::uint8_t tile_class = classes[tile / 2] >> (tile % 2 * 4) & 0xf;
        if (tile_class > plane_tables_->size()) throw CorruptError("tile of a class that is not there");
        classes_[tile] = tile_class;
        if (tile_class == 0)
            sizes[tile] = elements_of(tile);
        else if (std::holds_alternative<ConstantTable>((*plane_tables_)[tile_class - 1U]))
            sizes[tile] = 0;
        else
            sizes[tile] = cursor.read<std::uint16_t>("tile directory");
    }
    for (std::size_t tile = 0; tile < tiles; ++tile)
        payloads_[tile] = with_slack(cursor.take(sizes[tile], "tile"));
}

Bytes PlaneDecoder::with_slack(Bytes payload) {
    const auto behind = static_cast<std::size_t>(tables_->readable_end() - (payload.data() + payload.size()));
    if (behind >= slack) return payload;
    auto copy = std::make_unique<std::uint8_t[]>(payload.size() + slack);
    std::ranges::copy(payload, copy.get());
    copies_.push_back(std::move(copy));
    return {copies_.back().get(), payload.size()};
}

Bytes PlaneDecoder::memory() const { return mode_ == PlaneMode::stored ? Bytes(stored_, n_) : Bytes(); }

void PlaneDecoder::decode_ahead(Bytes next) {
    if (has_contexts()) tables_->contexts(plane_)->decode(coded_, place_, n_, decoded_.reserve(n_));
    if (!tiled()) return;
    Ahead ahead{next};
    // By table, so that one table at a time is in the nearest cache and tiles go side by side.
    for (std::size_t i = 0; i < plane_tables_->size(); ++i) {
        const HuffmanDecodeTable* table = tables_->huffman(plane_, i);
        if (table == nullptr) continue;
        std::uint8_t* out = decoded_.reserve(n_);
        const bool paired = is_paired((*plane_tables_)[i]);
        std::array<TileIn, max_tiles> batch;
        std::size_t count = 0;
        for (std::size_t tile = 0; tile < tile_count(); ++tile) {
            if (classes_[tile] != i + 1) continue;
            const std::size_t elements = elements_of(tile);
            batch[count++] = {payloads_[tile].data(), payloads_[tile].size(), out + tile * tile_elements,
                              paired ? packed_size(4, elements) : elements};
        }
        if (!active_kernels().huffman_decode(*table, batch.data(), count, ahead))
            throw CorruptError("tile's code is damaged");
    }
}

void PlaneDecoder::read_escapes(Cursor& cursor) {
    const bool windowed = tables_->coder().properties().windowed() && plane_ == 0;
    const std::size_t count = cursor.read<std::uint32_t>("escapes");
    if (count == 0 || count > 2 * n_) throw CorruptError("wrong number of escapes");
    const Bytes escapes = cursor.take(count * sizeof(std::uint32_t), "escapes");
    std::uint32_t next = 0;  // smallest key that may follow: position, then kind
    for (std::size_t i = 0; i < count; ++i) {
        const auto escape = load_le<std::uint32_t>(escapes.data() + 4 * i);
        const std::uint32_t position = escape & escape_position_mask;
        const bool exponent = (escape & escape_exponent) != 0;
        const std::uint32_t key = position << 1 | (exponent ? 1U : 0U);
        if (key < next || position >= n_ || (escape & escape_reserved) != 0 || (exponent && !windowed))
            throw CorruptError("escape is damaged");
        next = key + 1;
        (exponent ? exponent_escapes_ : symbol_escapes_).push_back(escape);
    }
}

const std::uint8_t* PlaneDecoder::tile(std::size_t index, TileBuffer& buffer) const {
    const std::size_t first = index * tile_elements, count = elements_of(index);
    if (mode_ == PlaneMode::stored) return stored_ + first;
    if (mode_ == PlaneMode::constant) {
        std::fill_n(buffer.begin(), count, value_);
        return buffer.data();
    }
    if (mode_ == PlaneMode::packed) {
        active_kernels().unpack(tables_->coder().packed_bits(plane_), payloads_[index].data(), count,
                                buffer.data());
        return buffer.data();
    }
    if (has_contexts()) return decoded_.data() + first;
    if (classes_[index] == 0) return payloads_[index].data();
    const Table& table = *table_of(index);
    if (const auto* constant = std::get_if<ConstantTable>(&table)) {
        std::fill_n(buffer.begin(), count, constant->value);
        return buffer.data();
    }
    const LayeredTable* layered = layered_of(table);
    if (layered == nullptr) {
        const std::uint8_t* decoded = decoded_.data() + first;
        if (!is_paired(table)) return decoded;
        active_kernels().unpack(4, decoded, count, buffer.data());
        return buffer.data();
    }
    if (!active_kernels().layered_decode(
            *layered, {payloads_[index].data(), payloads_[index].size(), buffer.data(), count}))
        throw CorruptError("tile's code is damaged");
    return buffer.data();
}

const Table* PlaneDecoder::table_of(std::size_t index) const {
    if (!tiled() || classes_[index] == 0) return nullptr;
    return &(*plane_tables_)[classes_[index] - 1U];
}

const std::uint8_t* PlaneDecoder::pairs(std::size_t index) const {
    const Table* table = table_of(index);
    if (table == nullptr || !is_paired(*table)) return nullptr;
    return decoded_.data() + index * tile_elements;
}

const Ranking* PlaneDecoder::ranking(std::size_t index) const {
    const Table* table = table_of(index);
    return table == nullptr ? nullptr : ranking_of(*table);
}

}  // namespace zipnn
