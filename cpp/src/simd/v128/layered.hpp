// SPDX-License-Identifier: MIT

/// 128-bit steps of the layered kernels (see vectors/layered.hpp).
namespace zipnn::ZIPNN_TARGET::v128 {

struct Layered128 {
    using Symbols = V;

    static std::size_t count_threes(const std::uint8_t* codes, std::size_t n) {
        return ZIPNN_TARGET::count_threes(codes, n);
    }

    /// Ranks of 16 symbols, by a window.
    class Ranks {
      public:
        static constexpr std::size_t step = 16;

        static bool suits(const LayeredTable& table) { return vectors::RankWindow::suits(table); }

        explicit Ranks(const LayeredTable& table) : Ranks(vectors::RankWindow(table)) {}

        bool look_up(const std::uint8_t* symbols, std::uint8_t* ranks) const {
            const V symbol = load(symbols), last = fill8(31);
            const V index = min8(subtract8(symbol, fill8(first_)), last);
            // The last place is zero's alone.
            const V stray = without(equal8(index, last), equal8(symbol, fill8(0)));
            const V rank = either(by_place_.look_up(index), stray);
            const V unseen = has_top_bit(rank);  // only `unseen` has bit 7 set
            store(ranks, without(rank, unseen));
            return any(unseen);
        }

      private:
        explicit Ranks(const vectors::RankWindow& window)
            : first_(window.first), by_place_(window.ranks.data()) {}

        unsigned first_;
        Table32 by_place_;
    };

    static std::size_t encode_block(const std::uint8_t* ranks, std::uint8_t* packed, std::uint8_t* escaped) {
        const V three = fill8(3);
        for (std::size_t half = 0; half < 32; half += 16) {
            V codes = fill8(0);
            for (std::size_t i = 4; i-- > 0;)
                codes = either(left16<2>(codes), min8(load(ranks + 32 * i + half), three));
            store(packed + half, codes);
        }
        std::uint8_t* out = escaped;
        for (std::size_t i = 0; i < 128; i += 16) {
            const V rank = load(ranks + i);
            out = compress(subtract8(rank, three), equal8(min8(rank, three), three), out);
        }
        return static_cast<std::size_t>(out - escaped);
    }

    static Symbols symbols(const std::uint8_t* three) {
        return from_halves(
            three[0] | static_cast<std::uint64_t>(three[1]) << 8 | static_cast<std::uint64_t>(three[2]) << 16,
            0);
    }

    static std::size_t decode_block(const std::uint8_t* packed, Symbols by_code, const std::uint8_t* escaped,
                                    std::uint8_t* out) {
        const V three = fill8(3);
        V low = load(packed), high = load(packed + 16);
        const std::uint8_t* next = escaped;
        for (std::size_t i = 0; i < 4; ++i, low = right16<2>(low), high = right16<2>(high)) {
            store(out + 32 * i, decode(both(low, three), by_code, next));
            store(out + 32 * i + 16, decode(both(high, three), by_code, next));
        }
        return static_cast<std::size_t>(next - escaped);
    }

  private:
    static V decode(V code, Symbols by_code, const std::uint8_t*& next) {
        return either(look_up(by_code, code), expand(equal8(code, fill8(3)), next));
    }

    /// The bytes that are set in the mask, in order. Returns behind them.
    static std::uint8_t* compress(V bytes, V mask, std::uint8_t* out) {
        const unsigned bits = top_bits(mask);
        const V upper_half = fill64(0x0808080808080808);
        out = compress_8(bytes, bits & 0xff, fill8(0), out);
        return compress_8(bytes, bits >> 8, upper_half, out);
    }

    static std::uint8_t* compress_8(V bytes, unsigned mask, V half, std::uint8_t* out) {
        const V places = from_halves(vectors::places_by_mask[mask], 0);
        store_half(out, look_up(bytes, either(places, half)));
        return out + std::popcount(mask);
    }

    /// The next bytes, in order, to where `mask` is set; 0 elsewhere.
    static V expand(V mask, const std::uint8_t*& next) {
        // Minus the running count, whose complement is the place of the byte to take.
        V sum = add8(mask, up<1>(mask));
        sum = add8(sum, up<2>(sum));
        sum = add8(sum, up<4>(sum));
        sum = add8(sum, up<8>(sum));
        const V found = look_up(load(next), differ(sum, fill8(0xff)));
        next += (0U - last8(sum)) & 0xffU;
        return both(found, mask);
    }
};

}  // namespace zipnn::ZIPNN_TARGET::v128
