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
    std::uint64_t peek(std::uint64_t mask) const { return window_ & mask; }
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
/// Lanes that are decoded side by side: as many as the registers of x86-64 hold without spilling.
constexpr std::size_t decode_lanes = 6;

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

/// A tile on its way.
struct Lane {
    explicit Lane(const TileIn& tile_) : tile(&tile_), reader(tile_), out(tile_.target + tile_.elements) {}

    const TileIn* tile;
    BitReader reader;
    std::uint8_t* out;  ///< behind the next symbol, downwards
};

/// Rounds of `lookups_in_round` look-ups and a refill that surely stay inside of the tile and its payload
/// (with the slack behind it). A round uses at most seven bytes.
template <unsigned bits>
std::ptrdiff_t rounds_left(const HuffmanDecodeTable& table, const Lane& lane) {
    const std::ptrdiff_t symbols = refilled_bits / bits * std::ptrdiff_t{table.most};
    const std::ptrdiff_t room = lane.out - lane.tile->target - 8;
    const std::ptrdiff_t bytes = lane.tile->source + lane.tile->size - lane.reader.at();
    return std::min(room / symbols, bytes / 7);
}

/// Rounds of `count` lanes, until one of them may be near its end.
template <unsigned bits, std::size_t count>
void run_lanes(const HuffmanDecodeTable& table, Lane* lanes, Ahead& ahead) {
    const auto copy = [&]<std::size_t... i>(std::index_sequence<i...>) {
        return std::array<Lane, count>{lanes[i]...};
    };
    std::array<Lane, count> local = copy(std::make_index_sequence<count>{});
    std::ptrdiff_t rounds = rounds_left<bits>(table, local[0]);
    for (std::size_t i = 1; i < count; ++i) rounds = std::min(rounds, rounds_left<bits>(table, local[i]));
    for (; rounds > 0; --rounds) {
        for (std::size_t k = 0; k < refilled_bits / bits; ++k) {
            ZIPNN_UNROLL
            for (std::size_t i = 0; i < count; ++i) take_symbols<bits>(table, local[i].reader, local[i].out);
            ZIPNN_KEEP_LOOP
        }
        ZIPNN_UNROLL
        for (std::size_t i = 0; i < count; ++i) {
            local[i].reader.refill();
            prefetch(local[i].reader.at() + prefetch_distance);
        }
        ahead.prefetch(16 * count);
    }
    for (std::size_t i = 0; i < count; ++i) lanes[i] = local[i];
}

/// The last symbols of a tile, the very last one by one, with exact stores.
template <unsigned bits>
bool finish_tile(const HuffmanDecodeTable& table, Lane lane) {
    const TileIn& tile = *lane.tile;
    const std::uint8_t* end = tile.source + tile.size;
    while (lane.out - tile.target >= 8 && lane.reader.at() <= end) {
        take_symbols<bits>(table, lane.reader, lane.out);
        lane.reader.refill();
    }
    while (lane.out != tile.target) {
        if (lane.reader.at() > end) return false;
        const std::uint16_t entry = table.single[lane.reader.peek<bits>()];
        lane.reader.skip(entry & 0xffU);
        *--lane.out = static_cast<std::uint8_t>(entry >> 8);
        lane.reader.refill();
    }
    return lane.reader.at() <= end && used_up(lane.reader, tile);
}

template <unsigned bits>
void run_some(const HuffmanDecodeTable& table, Lane* lanes, std::size_t count, Ahead& ahead) {
    switch (count) {
        case 1: return run_lanes<bits, 1>(table, lanes, ahead);
        case 2: return run_lanes<bits, 2>(table, lanes, ahead);
        case 3: return run_lanes<bits, 3>(table, lanes, ahead);
        case 4: return run_lanes<bits, 4>(table, lanes, ahead);
        case 5: return run_lanes<bits, 5>(table, lanes, ahead);
        default: return run_lanes<bits, decode_lanes>(table, lanes, ahead);
    }
}

/// A lane that comes to its end takes the next tile, so that lanes of unlike lengths keep each other busy.
template <unsigned bits>
bool decode_batch(const HuffmanDecodeTable& table, const TileIn* tiles, std::size_t count, Ahead& ahead) {
    std::array<Lane, decode_lanes> lanes = {Lane(*tiles), Lane(*tiles), Lane(*tiles),
                                            Lane(*tiles), Lane(*tiles), Lane(*tiles)};
    // As even as can be: a last tile alone would take as long as several side by side.
    const std::size_t turns = (count + decode_lanes - 1) / decode_lanes, wanted = (count + turns - 1) / turns;
    std::size_t active = 0, next = 0;
    bool whole = true;
    while (true) {
        for (; active < wanted && next < count; ++next) {
            lanes[active++] = Lane(tiles[next]);
            if (next + wanted < count)
                for (std::size_t at = 0; at < prefetch_distance; at += 64)
                    prefetch(tiles[next + wanted].source + at);
        }
        if (active == 0) return whole;
        run_some<bits>(table, lanes.data(), active, ahead);
        for (std::size_t i = 0; i < active;) {
            if (rounds_left<bits>(table, lanes[i]) > 0) {
                ++i;
            } else {
                whole &= finish_tile<bits>(table, lanes[i]);
                lanes[i] = lanes[--active];
            }
        }
    }
}

/// By the table of single symbols alone.
inline bool decode_singly(const HuffmanDecodeTable& table, const TileIn& tile) {
    const std::uint64_t mask = (std::uint64_t{1} << table.bits) - 1;
    const std::uint8_t* end = tile.source + tile.size;
    Lane lane(tile);
    while (lane.out != tile.target) {
        for (unsigned used = 0; used + table.bits <= refilled_bits && lane.out != tile.target;
             used += table.bits) {
            const std::uint16_t entry = table.single[lane.reader.peek(mask)];
            lane.reader.skip(entry & 0xffU);
            *--lane.out = static_cast<std::uint8_t>(entry >> 8);
        }
        lane.reader.refill();
        if (lane.reader.at() > end) return false;
    }
    return used_up(lane.reader, tile);
}

inline bool huffman_decode(const HuffmanDecodeTable& table, const TileIn* tiles, std::size_t count,
                           Ahead& ahead) {
    if (count == 0) return true;
    if (table.most == 0)
        return std::all_of(tiles, tiles + count,
                           [&](const TileIn& tile) { return decode_singly(table, tile); });
    return table.bits == short_code_bits ? decode_batch<short_code_bits>(table, tiles, count, ahead)
                                         : decode_batch<max_code_bits>(table, tiles, count, ahead);
}

inline void add_unseen(UnseenMap& unseen, std::size_t i, std::uint64_t bit) {
    unseen[i / 64] |= bit << (i % 64);
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
                                  std::uint8_t* target, UnseenMap& unseen) {
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
    if ((flags & HuffmanEncodeTable::unseen_flag) != 0)
        for (std::size_t i = 0; i < n; ++i) add_unseen(unseen, i, table.unseen[symbols[i]] & 1U);
    return static_cast<std::size_t>(out - target) + (window.length != 0 ? 1 : 0);
}

}  // namespace zipnn::ZIPNN_TARGET
