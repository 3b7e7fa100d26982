// SPDX-License-Identifier: MIT
#include "frame/plane_decoder.hpp"

#include <algorithm>

#include "simd/kernels.hpp"

namespace zipnn {
namespace {

/// The tiles of one plane of one chunk, as its directory describes them.
struct Directory {
    std::array<std::uint8_t, (std::size_t{1} << max_coded_chunk_log2) / tile_elements> classes;
    std::array<Bytes, (std::size_t{1} << max_coded_chunk_log2) / tile_elements> payloads;
};

std::size_t elements_of_tile(std::size_t tile, std::size_t n) {
    return std::min(tile_elements, n - tile * tile_elements);
}

void read_directory(Cursor& cursor, const std::vector<Table>& tables, std::size_t n, Directory& directory) {
    const std::size_t tiles = (n + tile_elements - 1) / tile_elements;
    const Bytes classes = cursor.take((tiles + 1) / 2, "tile directory");
    if (tiles % 2 != 0 && classes.back() >> 4 != 0) throw CorruptError("tile directory has stray bits");
    std::array<std::size_t, std::tuple_size_v<decltype(directory.classes)>> sizes{};
    for (std::size_t tile = 0; tile < tiles; ++tile) {
        const std::uint8_t tile_class = classes[tile / 2] >> (tile % 2 * 4) & 0xf;
        if (tile_class > tables.size()) throw CorruptError("tile of a class that is not there");
        directory.classes[tile] = tile_class;
        if (tile_class == 0)
            sizes[tile] = elements_of_tile(tile, n);
        else if (!std::holds_alternative<ConstantTable>(tables[tile_class - 1U]))
            sizes[tile] = cursor.read<std::uint16_t>("tile directory");
    }
    for (std::size_t tile = 0; tile < tiles; ++tile)
        directory.payloads[tile] = cursor.take(sizes[tile], "tile");
}

/// Payloads at the very end of the readable bytes are copied to where there is slack behind them.
class SlackCopies {
  public:
    explicit SlackCopies(const std::uint8_t* readable_end) : readable_end_(readable_end) {}

    const std::uint8_t* with_slack(Bytes payload) {
        const auto behind = static_cast<std::size_t>(readable_end_ - (payload.data() + payload.size()));
        if (behind >= slack) return payload.data();
        auto copy = std::make_unique<std::uint8_t[]>(payload.size() + slack);
        std::ranges::copy(payload, copy.get());
        copies_.push_back(std::move(copy));
        return copies_.back().get();
    }

  private:
    const std::uint8_t* readable_end_;
    std::vector<std::unique_ptr<std::uint8_t[]>> copies_;
};

}  // namespace

std::array<PlaneScratch, max_planes>& thread_scratch() {
    thread_local std::array<PlaneScratch, max_planes> scratch;
    return scratch;
}

PlaneDecoder::PlaneDecoder(const Coder& coder, Bytes readable)
    : coder_(coder), readable_end_(readable.data() + readable.size()) {
    for (std::size_t plane = 0; plane < coder.planes.size(); ++plane) {
        for (std::size_t i = 0; i < coder.planes[plane].size(); ++i) {
            if (const auto* table = std::get_if<HuffmanTable>(&coder.planes[plane][i])) {
                huffman_[plane][i] = std::make_unique_for_overwrite<HuffmanDecodeTable>();
                build_decode_table(table->lengths, *huffman_[plane][i]);
            }
        }
    }
}

const std::uint8_t* PlaneDecoder::decode(std::size_t plane, Cursor& cursor, std::size_t n,
                                         PlaneScratch& scratch, std::vector<std::uint32_t>& overflows) const {
    const auto mode = static_cast<PlaneMode>(cursor.read<std::uint8_t>("payload"));
    switch (mode) {
        case PlaneMode::stored: return cursor.take(n, "stored plane").data();
        case PlaneMode::constant: {
            std::uint8_t* out = scratch.reserve(n);
            std::fill_n(out, n, cursor.read<std::uint8_t>("constant plane"));
            return out;
        }
        case PlaneMode::tiles:
        case PlaneMode::tiles_with_escapes: {
            std::uint8_t* out = scratch.reserve(n);
            decode_tiles(plane, cursor, n, out);
            if (mode == PlaneMode::tiles_with_escapes) apply_escapes(plane, cursor, n, out, overflows);
            return out;
        }
        case PlaneMode::packed7: {
            if (!coder_.properties().overflow || plane != 1) throw CorruptError("packed7 where it cannot be");
            std::uint8_t* out = scratch.reserve(n);
            active_kernels().unpack7(cursor.take(packed7_size(n), "packed7 plane").data(), n, out);
            for (const std::uint32_t at : overflows) out[at] |= 1;
            return out;
        }
    }
    throw CorruptError("payload has an unknown plane mode");
}

void PlaneDecoder::decode_tiles(std::size_t plane, Cursor& cursor, std::size_t n, std::uint8_t* out) const {
    const std::vector<Table>& tables = coder_.planes[plane];
    const std::size_t tiles = (n + tile_elements - 1) / tile_elements;
    Directory directory;
    read_directory(cursor, tables, n, directory);
    SlackCopies copies(readable_end_);
    const Kernels& kernels = active_kernels();
    const auto tile_in = [&](std::size_t tile) {
        const Bytes payload = directory.payloads[tile];
        return TileIn{copies.with_slack(payload), payload.size(), out + tile * tile_elements,
                      elements_of_tile(tile, n)};
    };
    for (std::size_t tile = 0; tile < tiles; ++tile)
        if (directory.classes[tile] == 0)
            std::ranges::copy(directory.payloads[tile], out + tile * tile_elements);

    // By table, so that one table at a time is in the nearest cache and tiles go side by side.
    for (std::size_t i = 0; i < tables.size(); ++i) {
        std::array<TileIn, std::tuple_size_v<decltype(directory.classes)>> batch;
        std::size_t count = 0;
        for (std::size_t tile = 0; tile < tiles; ++tile) {
            if (directory.classes[tile] != i + 1) continue;
            if (const auto* constant = std::get_if<ConstantTable>(&tables[i]))
                std::fill_n(out + tile * tile_elements, elements_of_tile(tile, n), constant->value);
            else
                batch[count++] = tile_in(tile);
        }
        bool whole = true;
        if (huffman_[plane][i]) {
            whole = kernels.huffman_decode(*huffman_[plane][i], batch.data(), count);
        } else if (const auto* layered = std::get_if<LayeredTable>(&tables[i])) {
            for (std::size_t k = 0; k < count; ++k) whole &= kernels.layered_decode(*layered, batch[k]);
        }
        if (!whole) throw CorruptError("tile's code is damaged");
    }
}

void PlaneDecoder::apply_escapes(std::size_t plane, Cursor& cursor, std::size_t n, std::uint8_t* out,
                                 std::vector<std::uint32_t>& overflows) const {
    const bool may_overflow = coder_.properties().overflow && plane == 0;
    const std::size_t count = cursor.read<std::uint32_t>("escapes");
    if (count == 0 || count > n) throw CorruptError("wrong number of escapes");
    const Bytes escapes = cursor.take(count * sizeof(std::uint32_t), "escapes");
    std::uint32_t next = 0;  // smallest position that may follow
    for (std::size_t i = 0; i < count; ++i) {
        const auto escape = load_le<std::uint32_t>(escapes.data() + 4 * i);
        const std::uint32_t position = escape & escape_position_mask;
        const bool overflow = (escape & escape_overflow) != 0;
        if (position < next || position >= n || (escape & escape_reserved) != 0 ||
            (overflow && !may_overflow))
            throw CorruptError("escape is damaged");
        next = position + 1;
        out[position] = static_cast<std::uint8_t>(escape >> 24);
        if (overflow) overflows.push_back(position);
    }
}

}  // namespace zipnn
