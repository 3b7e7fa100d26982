// SPDX-License-Identifier: MIT

/// Huffman kernels in portable C++. Several tiles are decoded side by side, so that the chain
/// "look up, shift, look up" of one hides behind the others'.
namespace zipnn::ZIPNN_TARGET {

/// Reads a bit string from bit 0 upwards. A one above the valid bits marks where they end, so
/// the bits used up are the leading zeros.
class BitReader {
  public:
    explicit BitReader(const TileIn& tile) : at_(tile.source) {
        window_ = load_le<std::uint64_t>(at_) | mark;
    }

    template <unsigned bits>
    std::uint64_t peek() const {
        return window_ & ((1U << bits) - 1);
    }
    void skip(std::uint64_t bits) { window_ >>= bits & 63; }

    /// Makes at least 56 bits valid. Needs 8 readable bytes at the position.
    void refill() {
        const auto used = static_cast<unsigned>(std::countl_zero(window_));
        at_ += used >> 3;
        window_ = (load_le<std::uint64_t>(at_) | mark) >> (used & 7);
    }

    const std::uint8_t* at() const { return at_; }

    /// Bits used since `source`.
    std::size_t used_since(const std::uint8_t* source) const {
        return static_cast<std::size_t>(at_ - source) * 8 +
               static_cast<std::size_t>(std::countl_zero(window_));
    }

  private:
    static constexpr std::uint64_t mark = std::uint64_t{1} << 63;
    const std::uint8_t* at_;
    std::uint64_t window_;
};

constexpr std::size_t refilled_bits = 56;
/// More strings than processors follow by themselves are read side by side.
constexpr std::size_t prefetch_distance = 512;
constexpr std::size_t symbols_per_lookup = 6;
/// A round stores at most 30 symbols and the last 8-byte store reaches 8 below them.
constexpr std::ptrdiff_t round_symbols = refilled_bits / short_code_bits * symbols_per_lookup + 8;

inline bool used_up(const BitReader& reader, const TileIn& tile) {
    const std::size_t used = reader.used_since(tile.source);
    if ((used + 7) / 8 != tile.size) return false;
    return used % 8 == 0 || tile.source[tile.size - 1] >> (used % 8) == 0;
}

/// One look-up: up to six symbols below `out`. The store reaches 8 bytes down.
template <unsigned bits>
void take_symbols(const HuffmanDecodeTable& table, BitReader& reader, std::uint8_t*& out) {
    const std::uint64_t entry = table.entries[reader.peek<bits>()];
    reader.skip(entry);
    store_le(out - 8, entry);
    out -= entry >> 8 & 0xff;
}

/// The last symbols of a tile, the very last one by one, with exact stores.
template <unsigned bits>
bool finish_tile(const HuffmanDecodeTable& table, const TileIn& tile, BitReader reader, std::uint8_t* out) {
    const std::uint8_t* end = tile.source + tile.size;
    while (out - tile.target >= round_symbols && reader.at() <= end) {
        for (std::size_t i = 0; i < refilled_bits / bits; ++i) take_symbols<bits>(table, reader, out);
        reader.refill();
    }
    while (out - tile.target >= 8 && reader.at() <= end) {
        take_symbols<bits>(table, reader, out);
        reader.refill();
    }
    while (out != tile.target) {
        if (reader.at() > end) return false;
        const std::uint16_t entry = table.single[reader.peek<bits>()];
        reader.skip(entry & 0xffU);
        *--out = static_cast<std::uint8_t>(entry >> 8);
        reader.refill();
    }
    return reader.at() <= end && used_up(reader, tile);
}

template <unsigned bits, std::size_t lanes>
bool decode_tiles(const HuffmanDecodeTable& table, const TileIn* tiles) {
    const auto readers_of = [&]<std::size_t... i>(std::index_sequence<i...>) {
        return std::array<BitReader, lanes>{BitReader(tiles[i])...};
    };
    std::array<BitReader, lanes> readers = readers_of(std::make_index_sequence<lanes>{});
    std::array<std::uint8_t*, lanes> out;
    for (std::size_t lane = 0; lane < lanes; ++lane) out[lane] = tiles[lane].target + tiles[lane].elements;

    const auto have_room = [&] {
        bool room = true;
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            room &= out[lane] - tiles[lane].target >= round_symbols;
            room &= readers[lane].at() <= tiles[lane].source + tiles[lane].size;
        }
        return room;
    };
    while (have_room()) {
        for (std::size_t i = 0; i < refilled_bits / bits; ++i) {
            for (std::size_t lane = 0; lane < lanes; ++lane)
                take_symbols<bits>(table, readers[lane], out[lane]);
        }
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            readers[lane].refill();
            prefetch(readers[lane].at() + prefetch_distance);
        }
    }
    bool whole = true;
    for (std::size_t lane = 0; lane < lanes; ++lane)
        whole &= finish_tile<bits>(table, tiles[lane], readers[lane], out[lane]);
    return whole;
}

template <unsigned bits>
bool decode_batch(const HuffmanDecodeTable& table, const TileIn* tiles, std::size_t count) {
    bool whole = true;
    for (; count >= 8; count -= 8, tiles += 8) {
        for (std::size_t i = 8; i < std::min<std::size_t>(count, 16); ++i)
            for (std::size_t at = 0; at < prefetch_distance; at += 64) prefetch(tiles[i].source + at);
        whole &= decode_tiles<bits, 8>(table, tiles);
    }
    if (count >= 4) {
        whole &= decode_tiles<bits, 4>(table, tiles);
        count -= 4, tiles += 4;
    }
    if (count >= 2) {
        whole &= decode_tiles<bits, 2>(table, tiles);
        count -= 2, tiles += 2;
    }
    if (count == 1) whole &= decode_tiles<bits, 1>(table, tiles);
    return whole;
}

inline bool huffman_decode(const HuffmanDecodeTable& table, const TileIn* tiles, std::size_t count) {
    return table.bits == short_code_bits ? decode_batch<short_code_bits>(table, tiles, count)
                                         : decode_batch<max_code_bits>(table, tiles, count);
}

/// Codes joined, first one lowest, and their length.
struct BitRun {
    std::uint64_t bits;
    unsigned length;
};

inline BitRun join(BitRun first, BitRun second) {
    return {first.bits | second.bits << first.length, first.length + second.length};
}

inline std::size_t huffman_encode(const HuffmanEncodeTable& table, const std::uint8_t* symbols, std::size_t n,
                                  std::uint8_t* target, bool* unseen) {
    BitRun window{0, 0};
    std::uint32_t flags = 0;
    std::uint8_t* out = target;
    const auto code_of = [&](std::uint8_t symbol) {
        const std::uint32_t code = table.codes[symbol];
        flags |= code;
        return BitRun{code & 0xffffU, code >> 16 & 0xffU};
    };
    const auto put = [&](BitRun codes) {
        window = join(window, codes);
        store_le(out, window.bits);
        out += window.length / 8;
        window = {window.bits >> (window.length & ~7U), window.length & 7U};
    };
    // Four codes fit behind seven bits. They are joined in pairs, so that only one step waits for the last.
    static_assert(4 * max_code_bits + 7 < 64);
    std::size_t left = n;
    for (; left >= 4; left -= 4)
        put(join(join(code_of(symbols[left - 1]), code_of(symbols[left - 2])),
                 join(code_of(symbols[left - 3]), code_of(symbols[left - 4]))));
    for (; left > 0; --left) put(code_of(symbols[left - 1]));
    *unseen = (flags & HuffmanEncodeTable::unseen_flag) != 0;
    return static_cast<std::size_t>(out - target) + (window.length != 0 ? 1 : 0);
}

}  // namespace zipnn::ZIPNN_TARGET
