// SPDX-License-Identifier: MIT
#include "frame/chunk_decoder.hpp"

#include <algorithm>

#include "simd/kernels.hpp"
#include "zipnn/checksum.hpp"

namespace zipnn {
namespace {

/// Where the exponent field of a windowed layout's element lies: bits 7 to 14 of its upper 16.
void set_exponent(std::uint8_t* upper_half, unsigned exponent) {
    const unsigned rest = load_le<std::uint16_t>(upper_half) & 0x807fU;
    store_le(upper_half, static_cast<std::uint16_t>(rest | exponent << 7));
}

}  // namespace

void ChunkDecoder::decode(const DecodeTables& tables, Bytes payload, const Place& place,
                          std::uint64_t checksum, MutableBytes out) {
    const Coder& coder = tables.coder();
    const Layout& layout = coder.properties();
    const std::size_t n = out.size() / layout.width;
    Cursor cursor(payload);
    open(tables, layout.planes, cursor, place, n);
    const Bytes tail = cursor.take(out.size() - n * layout.width, "payload");
    if (cursor.left() != 0) throw CorruptError("payload is not used up");
    std::ranges::copy(tail, out.end() - static_cast<std::ptrdiff_t>(tail.size()));

    decode_ahead(layout.planes);
    const std::size_t tiles = (n + tile_elements - 1) / tile_elements,
                      tile_bytes = tile_elements * layout.width;
    Xxh3Stream hash(out.size());
    std::size_t hashed = 0;
    for (std::size_t tile = 0; tile < tiles; ++tile) {
        const std::size_t count = std::min(tile_elements, n - tile * tile_elements);
        std::uint8_t* elements = out.data() + tile * tile_bytes;
        if (place.base.empty()) {
            decode_tile(coder, tile, count, elements);
        } else {
            decode_tile(coder, tile, count, difference_.data());
            active_kernels().add(place.order, layout.width, place.base.data() + tile * tile_bytes,
                                 difference_.data(), count, elements);
        }
        if (tile * tile_bytes + tile_bytes >= out.size()) break;
        hash.add(elements, tile_bytes / Xxh3Stream::block_size);
        hashed += tile_bytes;
    }
    const std::uint64_t found =
        out.size() < Xxh3Stream::min_size ? xxh3_64(out) : hash.finish(out.subspan(hashed));
    if (found != checksum) throw CorruptError("checksum differs");
}

void ChunkDecoder::open(const DecodeTables& tables, std::size_t planes, Cursor& cursor, const Place& place,
                        std::size_t n) {
    const Coder& coder = tables.coder();
    extra_ = nullptr;
    next_escape_ = {};
    next_exponent_ = 0;
    for (std::size_t p = 0; p < planes; ++p) {
        planes_[p].open(tables, p, cursor, place, n);
        if (p == 0 && coder.extra_packed() && planes_[p].tiled())
            extra_ = cursor.take(packed_size(coder.extra_bits(), n), "extra bits").data();
    }
}

void ChunkDecoder::decode_ahead(std::size_t planes) {
    for (std::size_t p = 0; p < planes; ++p)
        planes_[p].decode_ahead(p + 1 < planes ? planes_[p + 1].memory() : Bytes());
}

void ChunkDecoder::decode_changes(const DecodeTables& tables, const Difference& difference, Bytes payload,
                                  std::uint64_t checksum, MutableBytes out) {
    const Coder& coder = tables.coder();
    const std::size_t width = coder.properties().width, n = out.size() / width;
    Cursor cursor(payload);
    const std::size_t count = cursor.read<std::uint32_t>("payload");
    if (count > n) throw CorruptError("more elements are changed than there are");
    if (count != 0) {
        open(tables, coder.planes.size(), cursor, {}, count);
        decode_ahead(coder.planes.size());
        decode_entries(coder, difference, count, n);
    }
    if (cursor.left() != 0) throw CorruptError("payload is not used up");
    active_kernels().add_sparse(difference.order, width, positions_.data(), changes_.data(), count,
                                out.data());
    if (xxh3_64(out) != checksum) throw CorruptError("checksum differs");
}

void ChunkDecoder::decode_entries(const Coder& coder, const Difference& difference, std::size_t count,
                                  std::size_t n) {
    const std::size_t width = coder.properties().width, planes = coder.planes.size();
    const std::size_t gaps = planes - width;
    std::uint8_t* changes = changes_.reserve(count * width);
    positions_.resize(count);
    std::size_t position = 0;
    for (std::size_t first = 0; first < count; first += tile_elements) {
        const std::size_t tile = first / tile_elements, entries = std::min(tile_elements, count - first);
        Sources sources{};
        for (std::size_t p = 0; p < planes; ++p) {
            sources[p] = planes_[p].tile(tile, buffers_[p]);
            apply_symbol_escapes(p, tile, entries, sources[p]);
        }
        std::uint32_t* positions = positions_.data() + first;
        for (std::size_t i = 0; i < entries; ++i) {
            position += std::size_t{sources[0][i]} << difference.gap_bits;
            if (gaps == 2) position += sources[1][i];
            positions[i] = static_cast<std::uint32_t>(position++);
        }
        if (position > n) throw CorruptError("a changed element lies outside of its chunk");
        active_kernels().merge(coder.layout, 0, sources.data() + gaps, entries, changes + first * width);
    }
}

void ChunkDecoder::decode_tile(const Coder& coder, std::size_t tile, std::size_t count,
                               std::uint8_t* elements) {
    const Layout& layout = coder.properties();
    const Kernels& kernels = active_kernels();
    Sources sources{};
    const Ranking* ranking = planes_[0].ranking(tile);
    const std::uint8_t* pairs = ranking != nullptr ? planes_[0].pairs(tile) : nullptr;
    for (std::size_t p = 0; p < layout.planes; ++p) {
        sources[p] = p == 0 && pairs != nullptr ? pairs : planes_[p].tile(tile, buffers_[p]);
        if (p != 0) apply_symbol_escapes(p, tile, count, sources[p]);
    }
    if (ranking != nullptr) {
        const std::uint8_t* extra =
            extra_ == nullptr ? nullptr : extra_ + packed_size(ranking->extra_bits, tile * tile_elements);
        kernels.merge_ranked(coder.layout, coder.base, *ranking, pairs != nullptr, extra, sources.data(),
                             count, elements);
        replace_symbols(coder, tile, elements, count);
    } else {
        apply_symbol_escapes(0, tile, count, sources[0]);
        kernels.merge(coder.layout, coder.base, sources.data(), count, elements);
    }
    apply_exponents(layout, tile, count, elements);
}

bool ChunkDecoder::has_symbol_escape(std::size_t plane, std::size_t tile, std::size_t count) const {
    const auto& escapes = planes_[plane].symbol_escapes();
    const std::size_t next = next_escape_[plane];
    return next < escapes.size() && (escapes[next] & escape_position_mask) < tile * tile_elements + count;
}

void ChunkDecoder::apply_symbol_escapes(std::size_t plane, std::size_t tile, std::size_t count,
                                        const std::uint8_t*& symbols) {
    const auto& escapes = planes_[plane].symbol_escapes();
    std::size_t& next = next_escape_[plane];
    const std::size_t first = tile * tile_elements;
    if (!has_symbol_escape(plane, tile, count)) return;
    TileBuffer& own = buffers_[plane];
    if (symbols != own.data()) std::copy_n(symbols, count, own.begin());
    for (; has_symbol_escape(plane, tile, count); ++next)
        own[(escapes[next] & escape_position_mask) - first] = static_cast<std::uint8_t>(escapes[next] >> 24);
    symbols = own.data();
}

void ChunkDecoder::replace_symbols(const Coder& coder, std::size_t tile, std::uint8_t* elements,
                                   std::size_t count) {
    const auto& escapes = planes_[0].symbol_escapes();
    const std::size_t width = coder.properties().width;
    std::array<std::uint8_t, max_planes> bytes;
    std::array<std::uint8_t*, max_planes> targets;
    std::array<const std::uint8_t*, max_planes> sources;
    for (std::size_t p = 0; p < max_planes; ++p) sources[p] = targets[p] = &bytes[p];
    for (; has_symbol_escape(0, tile, count); ++next_escape_[0]) {
        const std::uint32_t escape = escapes[next_escape_[0]];
        const std::size_t at = (escape & escape_position_mask) - tile * tile_elements;
        scalar_kernels.split(coder.layout, coder.base, elements + at * width, 1, targets.data());
        bytes[0] = static_cast<std::uint8_t>(escape >> 24);
        scalar_kernels.merge(coder.layout, coder.base, sources.data(), 1, elements + at * width);
    }
}

void ChunkDecoder::apply_exponents(const Layout& layout, std::size_t tile, std::size_t count,
                                   std::uint8_t* elements) {
    const auto& escapes = planes_[0].exponent_escapes();
    const std::size_t first = tile * tile_elements;
    for (; next_exponent_ < escapes.size(); ++next_exponent_) {
        const std::size_t at = (escapes[next_exponent_] & escape_position_mask) - first;
        if (at >= count) return;
        set_exponent(elements + (at + 1) * layout.width - 2, escapes[next_exponent_] >> 24);
    }
}

}  // namespace zipnn
