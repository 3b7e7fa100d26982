// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::vectors {

/// For each mask of eight bytes, the places of those that are set, in order.
constexpr std::array<std::array<std::uint8_t, 8>, 256> compress_places() {
    std::array<std::array<std::uint8_t, 8>, 256> places{};
    for (unsigned mask = 0; mask < 256; ++mask)
        for (unsigned bit = 0, count = 0; bit < 8; ++bit)
            if ((mask >> bit & 1) != 0) places[mask][count++] = static_cast<std::uint8_t>(bit);
    return places;
}
inline constexpr auto places_by_mask = compress_places();

/// Ranks of V::bytes symbols by a table of 32: all symbols but zero must be within a window of 31.
template <typename V>
class WindowRanks {
  public:
    static constexpr std::size_t step = V::bytes;

    static bool suits(const LayeredTable& table) { return window(table) >= 0; }

    explicit WindowRanks(const LayeredTable& table) {
        const int first = window(table);
        std::array<std::uint8_t, 32> ranks;
        for (int i = 0; i < 31; ++i)
            ranks[static_cast<std::size_t>(i)] = table.rank[static_cast<std::size_t>((first + i) & 0xff)];
        ranks[31] = first == 0 ? LayeredTable::unseen : table.rank[0];
        first_ = V::set8(static_cast<unsigned>(first));
        low_ = V::repeat(ranks.data());
        high_ = V::repeat(ranks.data() + 16);
    }

    bool look_up(const std::uint8_t* symbols, std::uint8_t* ranks) const {
        const Value symbol = V::load(symbols), last = V::set8(31);
        const Value index = V::min8(V::sub8(symbol, first_), last);
        // The last place is zero's alone.
        const Value stray = V::without(V::equal8(index, last), V::equal8(symbol, V::set8(0)));
        const Value rank = V::either(V::shuffle32(low_, high_, index), stray);
        const Value unseen = V::equal8(rank, V::set8(LayeredTable::unseen));
        V::store(ranks, V::without(rank, unseen));
        return V::any(unseen);
    }

  private:
    using Value = typename V::Value;

    /// The first symbol of a window that holds all but zero, or -1.
    static int window(const LayeredTable& table) {
        int first = 256, last = -1;
        for (std::size_t i = 0; i < table.count; ++i) {
            if (table.symbols[i] == 0) continue;
            first = std::min(first, int{table.symbols[i]});
            last = std::max(last, int{table.symbols[i]});
        }
        if (last < 0) return 0;
        return last - first < 31 ? first : -1;
    }

    Value first_, low_, high_;
};

/// Steps of the layered kernels (layered.hpp) by shuffles.
template <typename V>
struct LayeredSteps {
    using Symbols = typename V::Value;
    using Ranks = WindowRanks<V>;

    static std::size_t count_threes(const std::uint8_t* codes, std::size_t n) {
        return ZIPNN_TARGET::count_threes(codes, n);
    }

    static std::size_t encode_block(const std::uint8_t* ranks, std::uint8_t* packed, std::uint8_t* escaped) {
        const Value three = V::set8(3);
        for (std::size_t at = 0; at < 32; at += V::bytes) {
            Value codes = V::min8(V::load(ranks + 96 + at), three);
            for (std::size_t i = 96; i > 0; i -= 32)
                codes = V::either(V::template shl16<2>(codes), V::min8(V::load(ranks + i - 32 + at), three));
            V::store(packed + at, codes);
        }
        std::uint8_t* out = escaped;
        for (std::size_t at = 0; at < 128; at += V::bytes) {
            const Value rank = V::load(ranks + at);
            const Value is_escape = V::equal8(V::min8(rank, three), three);
            out = compress(V::sub8(rank, three), is_escape, out);
        }
        return static_cast<std::size_t>(out - escaped);
    }

    static Symbols symbols(const std::uint8_t* three) {
        const std::array<std::uint8_t, 16> by_code = {three[0], three[1], three[2]};
        return V::repeat(by_code.data());
    }

    static std::size_t decode_block(const std::uint8_t* packed, Symbols by_code, const std::uint8_t* escaped,
                                    std::uint8_t* out) {
        constexpr std::size_t parts = 32 / V::bytes;
        const Value three = V::set8(3);
        Value codes[parts];
        for (std::size_t part = 0; part < parts; ++part) codes[part] = V::load(packed + V::bytes * part);
        const std::uint8_t* next = escaped;
        ZIPNN_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
            for (std::size_t part = 0; part < parts; ++part) {
                const Value code = V::both(codes[part], three);
                const Value symbol =
                    V::either(V::shuffle(by_code, code), expand(V::equal8(code, three), next));
                V::store(out + 32 * i + V::bytes * part, symbol);
                codes[part] = V::template shr16<2>(codes[part]);
            }
        }
        return static_cast<std::size_t>(next - escaped);
    }

    static void decode_level_d(const std::uint8_t* packed, std::size_t n, const std::uint8_t* by_code,
                               std::uint8_t* out) {
        const Value table = V::repeat(by_code), low = V::set8(0xf);
        std::size_t i = 0;
        for (; i + 2 * V::bytes <= n; i += 2 * V::bytes) {
            const Value codes = V::load(packed + i / 2);
            const Value even = V::shuffle(table, V::both(codes, low));
            const Value odd = V::shuffle(table, V::both(V::template shr16<4>(codes), low));
            Value first, second;
            V::template join_halves<2>(odd, even, first, second);
            V::store(out + i, first);
            V::store(out + i + V::bytes, second);
        }
        ZIPNN_TARGET::decode_level_d(packed + i / 2, n - i, by_code, out + i);
    }

    static std::uint8_t* encode_level_d(const std::uint8_t* ranks, std::size_t n, std::uint8_t* out) {
        std::size_t i = 0;
        for (; i + 2 * V::bytes <= n; i += 2 * V::bytes, out += V::bytes)
            V::store(out, V::template lower_halves<2>(join_pairs(V::load(ranks + i)),
                                                      join_pairs(V::load(ranks + i + V::bytes))));
        return ZIPNN_TARGET::encode_level_d(ranks + i, n - i, out);
    }

  private:
    using Value = typename V::Value;
    using Narrow = typename V::Narrow;

    /// The lower byte of each pair of 4-bit numbers takes in the upper one.
    static Value join_pairs(Value value) { return V::either(value, V::template shr16<4>(value)); }

    /// The bytes that are set in the mask, in order. Returns behind them.
    static std::uint8_t* compress(Value bytes, Value mask, std::uint8_t* out) {
        const unsigned bits = V::template bits<7>(mask);
        out = compress_16(V::template part<0>(bytes), bits & 0xffff, out);
        if constexpr (V::bytes == 32) out = compress_16(V::template part<1>(bytes), bits >> 16, out);
        return out;
    }

    static std::uint8_t* compress_16(typename Narrow::Value bytes, unsigned mask, std::uint8_t* out) {
        return compress_8(Narrow::swap64(bytes), mask >> 8, compress_8(bytes, mask & 0xff, out));
    }

    static std::uint8_t* compress_8(typename Narrow::Value bytes, unsigned mask, std::uint8_t* out) {
        Narrow::store_low8(out, Narrow::shuffle(bytes, Narrow::load_low8(places_by_mask[mask].data())));
        return out + std::popcount(mask);
    }

    /// The next bytes, in order, to where `mask` is set; 0 elsewhere.
    static Value expand(Value mask, const std::uint8_t*& next) {
        // Minus the running count in each 16 bytes, whose complement is the index of the byte to take.
        Value sum = V::add8(mask, V::template shift_up<1>(mask));
        sum = V::add8(sum, V::template shift_up<2>(sum));
        sum = V::add8(sum, V::template shift_up<4>(sum));
        sum = V::add8(sum, V::template shift_up<8>(sum));
        const Value index = V::differ(sum, V::set8(0xff));
        return V::both(V::shuffle(V::load_next(next, mask), index), mask);
    }
};

}  // namespace zipnn::ZIPNN_TARGET::vectors
