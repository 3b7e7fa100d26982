// SPDX-License-Identifier: MIT

/// Huffman streams that are read backwards (RFC 8878, 4.2.2), several side by side, and the planes of
/// frames of zipnn 0.1 to 0.5.
namespace zipnn::ZIPNN_TARGET {

/// Reads a bit string from its end. A one below the valid bits marks where they end, so the bits used up are
/// the trailing zeros. What a stream has in front does not reach it: that is read by `finish_stream`.
class BackwardReader {
  public:
    /// A stream of at least 8 bytes.
    explicit BackwardReader(const BackwardIn& stream) : at_(stream.source + stream.size - 8) {
        window_ = (load_le<std::uint64_t>(at_) | 1) << (std::countl_zero(at_[7]) + 1);
    }

    template <unsigned bits>
    std::uint64_t peek() const {
        return window_ >> (64 - bits);
    }
    void skip(std::uint64_t bits) { window_ <<= bits & 63; }

    /// Makes at least 56 bits valid. Goes back by at most 7 bytes.
    void refill() {
        const auto used = static_cast<unsigned>(std::countr_zero(window_));
        at_ -= used >> 3;
        window_ = (load_le<std::uint64_t>(at_) | 1) << (used & 7);
    }

    const std::uint8_t* at() const { return at_; }

    /// Bits that are left from `source` on.
    std::size_t left(const std::uint8_t* source) const {
        return static_cast<std::size_t>(at_ - source) * 8 + 64 -
               static_cast<std::size_t>(std::countr_zero(window_));
    }

  private:
    const std::uint8_t* at_;
    std::uint64_t window_;
};

/// A stream on its way.
struct BackwardLane {
    explicit BackwardLane(const BackwardIn& in) : stream(&in), reader(in), out(in.target) {}

    const BackwardIn* stream;
    BackwardReader reader;
    std::uint8_t* out;
};

constexpr unsigned backward_valid_bits = 56;
/// Symbols of a look-up, and bytes that its store reaches.
constexpr std::ptrdiff_t backward_most = 6, backward_store = 8;

template <unsigned bits>
std::ptrdiff_t backward_rounds(const BackwardLane& lane) {
    const std::ptrdiff_t room = lane.stream->target + lane.stream->symbols - lane.out - backward_store;
    const std::ptrdiff_t bytes = lane.reader.at() - lane.stream->source;
    return std::min(room / (backward_valid_bits / bits * backward_most), bytes / 7);
}

/// Rounds of `count` lanes, until one of them may be near its end.
template <unsigned bits, std::size_t count>
void run_backward(const BackwardTable& table, BackwardLane* lanes) {
    const auto copy = [&]<std::size_t... i>(std::index_sequence<i...>) {
        return std::array<BackwardLane, count>{lanes[i]...};
    };
    while (true) {
        std::array<BackwardLane, count> local = copy(std::make_index_sequence<count>{});
        std::ptrdiff_t rounds = backward_rounds<bits>(local[0]);
        for (std::size_t i = 1; i < count; ++i) rounds = std::min(rounds, backward_rounds<bits>(local[i]));
        if (rounds <= 0) return;
        for (; rounds > 0; --rounds) {
            for (unsigned k = 0; k < backward_valid_bits / bits; ++k) {
                ZIPNN_UNROLL
                for (std::size_t i = 0; i < count; ++i) {
                    const std::uint64_t entry = table.entries[local[i].reader.template peek<bits>()];
                    local[i].reader.skip(entry);
                    store_le(local[i].out, entry >> 16);
                    local[i].out += entry >> 8 & 0xff;
                }
                ZIPNN_KEEP_LOOP
            }
            ZIPNN_UNROLL
            for (std::size_t i = 0; i < count; ++i) local[i].reader.refill();
        }
        for (std::size_t i = 0; i < count; ++i) lanes[i] = local[i];
    }
}

/// The last symbols one by one, of a stream of which `left` bits are left.
inline bool finish_backward(const BackwardTable& table, const BackwardIn& stream, std::size_t left,
                            std::uint8_t* out) {
    const std::uint8_t* end = stream.target + stream.symbols;
    const std::size_t mask = (std::size_t{1} << table.log) - 1;
    for (; out != end; ++out) {
        const std::size_t from = left > table.log ? left - table.log : 0;
        std::uint32_t value = 0;
        for (std::size_t i = from / 8; i < stream.size && i < from / 8 + 3; ++i)
            value |= static_cast<std::uint32_t>(stream.source[i]) << (8 * (i - from / 8));
        value >>= from % 8;
        if (left < table.log) value = (value & ((1U << left) - 1)) << (table.log - left);
        const unsigned entry = table.single[value & mask];
        if ((entry & 0xffU) > left) return false;
        left -= entry & 0xffU;
        *out = static_cast<std::uint8_t>(entry >> 8);
    }
    return left == 0;
}

template <unsigned bits>
bool backward_lanes(const BackwardTable& table, const BackwardIn* streams, std::size_t count) {
    if (count == 4) {
        std::array<BackwardLane, 4> lanes = {BackwardLane(streams[0]), BackwardLane(streams[1]),
                                             BackwardLane(streams[2]), BackwardLane(streams[3])};
        run_backward<bits, 4>(table, lanes.data());
        bool whole = true;
        for (BackwardLane& lane : lanes) {
            run_backward<bits, 1>(table, &lane);
            whole &= finish_backward(table, *lane.stream, lane.reader.left(lane.stream->source), lane.out);
        }
        return whole;
    }
    bool whole = true;
    for (std::size_t i = 0; i < count; ++i) {
        BackwardLane lane(streams[i]);
        run_backward<bits, 1>(table, &lane);
        whole &= finish_backward(table, streams[i], lane.reader.left(streams[i].source), lane.out);
    }
    return whole;
}

inline bool backward_decode(const BackwardTable& table, const BackwardIn* streams, std::size_t count) {
    if (std::all_of(streams, streams + count, [](const BackwardIn& stream) { return stream.size >= 8; }))
        return table.bits() == short_backward_bits
                   ? backward_lanes<short_backward_bits>(table, streams, count)
                   : backward_lanes<max_backward_bits>(table, streams, count);
    return std::all_of(streams, streams + count, [&](const BackwardIn& stream) {
        const std::uint8_t last = stream.source[stream.size - 1];
        return finish_backward(table, stream,
                               8 * stream.size - static_cast<unsigned>(std::countl_zero(last)) - 1,
                               stream.target);
    });
}

/// Elements of two or four bytes from planes in which the sign lies below the exponent.
inline void merge_moved16(const std::uint8_t* const* planes, std::size_t n, std::uint8_t* elements) {
    const std::uint8_t *low = planes[0], *high = planes[1];
    for (std::size_t i = 0; i < n; ++i) {
        const unsigned half = static_cast<unsigned>(high[i]) << 8 | low[i];
        store_le(elements + 2 * i,
                 static_cast<std::uint16_t>((half & 0x80U) << 8 | (half >> 1 & 0x7f80U) | (half & 0x7fU)));
    }
}

inline void merge_moved32(const std::uint8_t* const* planes, std::size_t n, std::uint8_t* elements) {
    const std::uint8_t *a = planes[0], *b = planes[1], *c = planes[2], *d = planes[3];
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t word = static_cast<std::uint32_t>(d[i]) << 24 |
                                   static_cast<std::uint32_t>(c[i]) << 16 |
                                   static_cast<std::uint32_t>(b[i]) << 8 | a[i];
        store_le(elements + 4 * i,
                 (word & 0x00800000U) << 8 | (word >> 1 & 0x7f800000U) | (word & 0x007fffffU));
    }
}

}  // namespace zipnn::ZIPNN_TARGET
