// SPDX-License-Identifier: MIT

/// Field kernels for 512-bit vectors, 64 elements a step: those that decoding waits for. The others, and what
/// is left over, go to the 256-bit kernels.
namespace zipnn::ZIPNN_TARGET::x86 {

struct Fields512 {
    static constexpr std::size_t step = 64;

    static __m512i load(const std::uint8_t* source) { return _mm512_loadu_si512(source); }
    static void store(std::uint8_t* target, __m512i value) { _mm512_storeu_si512(target, value); }

    /// 64 words in two vectors.
    struct Words {
        __m512i low, high;
    };

    /// Interleaves bytes: word i is upper[i] << 8 | lower[i].
    class Interleave {
      public:
        Interleave() {
            alignas(64) std::uint8_t places[128];
            for (unsigned i = 0; i < 64; ++i) {
                places[2 * i] = static_cast<std::uint8_t>(i);
                places[2 * i + 1] = static_cast<std::uint8_t>(64 + i);
            }
            low_ = load(places);
            high_ = load(places + 64);
        }
        Words operator()(__m512i upper, __m512i lower) const {
            return {_mm512_permutex2var_epi8(lower, low_, upper),
                    _mm512_permutex2var_epi8(lower, high_, upper)};
        }

      private:
        __m512i low_, high_;
    };

    /// Interleaves words in the same way, 32 at a time.
    class InterleaveWords {
      public:
        InterleaveWords() {
            alignas(64) std::uint16_t places[64];
            for (unsigned i = 0; i < 32; ++i) {
                places[2 * i] = static_cast<std::uint16_t>(i);
                places[2 * i + 1] = static_cast<std::uint16_t>(32 + i);
            }
            low_ = _mm512_loadu_si512(places);
            high_ = _mm512_loadu_si512(places + 32);
        }
        void store(std::uint8_t* target, __m512i upper, __m512i lower) const {
            _mm512_storeu_si512(target, _mm512_permutex2var_epi16(lower, low_, upper));
            _mm512_storeu_si512(target + 64, _mm512_permutex2var_epi16(lower, high_, upper));
        }

      private:
        __m512i low_, high_;
    };

    /// The two bytes that a rank gives to its element: exponent and upper mantissa bits without the sign.
    struct RankBytes {
        alignas(64) std::uint8_t upper[256], lower[256];

        RankBytes(const Ranking& ranking, unsigned base) {
            for (std::size_t i = 0; i < 256; i += 32) {
                const __m512i symbol = _mm512_cvtepu8_epi16(
                    _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ranking.symbols.data() + i)));
                const __mmask32 above = _mm512_cmpgt_epi16_mask(symbol, _mm512_set1_epi16(7));
                const __m512i top = _mm512_mask_add_epi16(symbol, above, symbol,
                                                          _mm512_set1_epi16(static_cast<short>(base << 3)));
                _mm256_store_si256(reinterpret_cast<__m256i*>(upper + i),
                                   _mm512_cvtepi16_epi8(_mm512_srli_epi16(top, 4)));
                _mm256_store_si256(reinterpret_cast<__m256i*>(lower + i),
                                   _mm512_cvtepi16_epi8(_mm512_slli_epi16(top, 4)));
            }
        }
    };

    /// The upper 16 bits of 64 elements, from groups and extra bits.
    class Upper {
      public:
        Upper(const Ranking& ranking, unsigned base) : Upper(RankBytes(ranking, base)) {}

        /// `groups`: three bits up from where they belong.
        Words operator()(__m512i groups, const std::uint8_t* raw) const {
            const __m512i q = load(raw), rank = rank_of(groups, q);
            return join(q, upper_.look_up(rank), lower_.look_up(rank));
        }

        /// The same for groups below 16.
        Words low_groups(__m512i groups, const std::uint8_t* raw) const {
            const __m512i q = load(raw), rank = rank_of(groups, q);
            return join(q, upper_.look_up_low(rank), lower_.look_up_low(rank));
        }

      private:
        static __m512i rank_of(__m512i groups, __m512i raw) {
            return _mm512_ternarylogic_epi64(_mm512_set1_epi8(7), _mm512_srli_epi16(raw, 5), groups, 0xCA);
        }
        /// Adds sign and lower mantissa bits: (constant & raw) | looked up.
        Words join(__m512i raw, __m512i upper, __m512i lower) const {
            return interleave_(
                _mm512_ternarylogic_epi64(_mm512_set1_epi8(-128), _mm512_slli_epi16(raw, 7), upper, 0xEA),
                _mm512_ternarylogic_epi64(_mm512_set1_epi8(15), _mm512_srli_epi16(raw, 1), lower, 0xEA));
        }

        explicit Upper(const RankBytes& bytes) : upper_(bytes.upper), lower_(bytes.lower) {}

        ByteTable upper_, lower_;
        Interleave interleave_;
    };

    // Each puts 64 elements of a layout together from their upper halves, and asks for the next tile's
    // memory.
    struct Store16 {
        static constexpr std::size_t stored_planes = 1;
        const std::uint8_t* const* planes;
        std::uint8_t* elements;
        void operator()(std::size_t i, Words upper) const {
            prefetch_for_write(elements + 2 * (i + tile_elements));
            prefetch_for_write(elements + 2 * (i + tile_elements) + 64);
            store(elements + 2 * i, upper.low);
            store(elements + 2 * i + 64, upper.high);
        }
    };
    struct Store32 {
        static constexpr std::size_t stored_planes = 3;
        const std::uint8_t* const* planes;
        std::uint8_t* elements;
        Interleave bytes{};
        InterleaveWords words{};
        void operator()(std::size_t i, Words upper) const {
            const Words lower = bytes(load(planes[2] + i), load(planes[3] + i));
            for (std::size_t at = 0; at < 256; at += 64)
                prefetch_for_write(elements + 4 * (i + tile_elements) + at);
            words.store(elements + 4 * i, upper.low, lower.low);
            words.store(elements + 4 * i + 128, upper.high, lower.high);
        }
    };

    /// Asks for the next tile of the planes behind plane 0, which are mostly stored: they lie one behind the
    /// other.
    template <std::size_t count>
    static void prefetch_planes(const std::uint8_t* const* planes, std::size_t i) {
        for (std::size_t p = 1; p <= count; ++p) prefetch(planes[p] + i + tile_elements);
    }

    /// Returns how many elements were whole steps.
    template <typename Store>
    static std::size_t merge_upper(const Upper& upper, bool paired, const std::uint8_t* const* planes,
                                   std::size_t n, const Store& store_elements) {
        std::size_t i = 0;
        if (paired) {
            const __m512i groups = _mm512_set1_epi8(0x78);
            for (; i + packed_block <= n; i += packed_block) {
                prefetch_planes<Store::stored_planes>(planes, i);
                prefetch_planes<Store::stored_planes>(planes, i + 64);
                const __m512i pairs = load(planes[0] + i / 2);
                store_elements(i, upper.low_groups(_mm512_and_si512(_mm512_slli_epi16(pairs, 3), groups),
                                                   planes[1] + i));
                store_elements(i + 64, upper.low_groups(_mm512_and_si512(_mm512_srli_epi16(pairs, 1), groups),
                                                        planes[1] + i + 64));
            }
        } else {
            for (; i + step <= n; i += step) {
                prefetch_planes<Store::stored_planes>(planes, i);
                store_elements(i, upper(_mm512_slli_epi16(load(planes[0] + i), 3), planes[1] + i));
            }
        }
        return i;
    }

    /// Symbols of a tile, a block at a time, from groups and packed extra bits.
    class Symbols {
      public:
        Symbols(const Ranking& ranking, bool paired, const std::uint8_t* groups, const std::uint8_t* extra)
            : bits_(ranking.extra_bits),
              paired_(paired),
              groups_(groups),
              extra_(extra),
              by_rank_(ranking.symbols.data()) {}

        Ranks512::Block block(std::size_t i) const {
            const Ranks512::Block groups = paired_
                                               ? Ranks512::unpacked<4>(groups_ + i / 2)
                                               : Ranks512::Block{load(groups_ + i), load(groups_ + i + 64)};
            const Ranks512::Block extra = Ranks512::unpacked(bits_, extra_ + i / 8 * bits_);
            return {symbols(groups.first, extra.first), symbols(groups.second, extra.second)};
        }

      private:
        __m512i symbols(__m512i groups, __m512i extra) const {
            const __m512i high = _mm512_sll_epi16(groups, _mm_cvtsi32_si128(static_cast<int>(bits_)));
            return by_rank_.look_up(_mm512_or_si512(high, extra));
        }

        unsigned bits_;
        bool paired_;
        const std::uint8_t *groups_, *extra_;
        ByteTable by_rank_;
    };

    /// Elements of 8 bits, which are symbols rotated: the table gives them as they are.
    static std::size_t merge_float8(Ranking ranking, bool paired, const std::uint8_t* extra,
                                    const std::uint8_t* groups, std::size_t n, std::uint8_t* elements) {
        for (std::uint8_t& symbol : ranking.symbols) symbol = std::rotr(symbol, 1);
        const Symbols symbols(ranking, paired, groups, extra);
        std::size_t i = 0;
        for (; i + packed_block <= n; i += packed_block) {
            prefetch_for_write(elements + i + tile_elements);
            prefetch_for_write(elements + i + tile_elements + 64);
            const Ranks512::Block block = symbols.block(i);
            store(elements + i, block.first);
            store(elements + i + 64, block.second);
        }
        return i;
    }

    static Words rotated(Words words) {
        return {_mm512_shrdi_epi16(words.low, words.low, 1), _mm512_shrdi_epi16(words.high, words.high, 1)};
    }

    template <typename Store>
    static std::size_t merge_rotated(const Symbols& symbols, const std::uint8_t* const* planes, std::size_t n,
                                     const Store& store_elements) {
        const Interleave bytes;
        std::size_t i = 0;
        for (; i + packed_block <= n; i += packed_block) {
            prefetch_planes<Store::stored_planes>(planes, i);
            prefetch_planes<Store::stored_planes>(planes, i + 64);
            const Ranks512::Block block = symbols.block(i);
            store_elements(i, rotated(bytes(block.first, load(planes[1] + i))));
            store_elements(i + 64, rotated(bytes(block.second, load(planes[1] + i + 64))));
        }
        return i;
    }

    /// Returns how many elements were whole steps; 0 for layouts that are left to the kernels one by one.
    static std::size_t merge_ranked_steps(LayoutId layout, std::uint16_t base, const Ranking& ranking,
                                          bool paired, const std::uint8_t* extra,
                                          const std::uint8_t* const* planes, std::size_t n,
                                          std::uint8_t* elements) {
        switch (layout) {
            case LayoutId::bfloat16w:
                return merge_upper(Upper(ranking, base), paired, planes, n, Store16{planes, elements});
            case LayoutId::float32w:
                return merge_upper(Upper(ranking, base), paired, planes, n, Store32{planes, elements});
            case LayoutId::float16:
                return merge_rotated(Symbols(ranking, paired, planes[0], extra), planes, n,
                                     Store16{planes, elements});
            case LayoutId::float32:
                return merge_rotated(Symbols(ranking, paired, planes[0], extra), planes, n,
                                     Store32{planes, elements});
            case LayoutId::float8: return merge_float8(ranking, paired, extra, planes[0], n, elements);
            default: return 0;
        }
    }

    static void merge_ranked(LayoutId layout, std::uint16_t base, const Ranking& ranking, bool paired,
                             const std::uint8_t* extra, const std::uint8_t* const* planes, std::size_t n,
                             std::uint8_t* elements) {
        const std::size_t i = merge_ranked_steps(layout, base, ranking, paired, extra, planes, n, elements);
        if (i == n) return;
        std::array<const std::uint8_t*, max_planes> rest{};
        for (std::size_t p = 0; p < layout_of(layout).planes; ++p) rest[p] = planes[p] + i;
        if (paired) rest[0] = planes[0] + i / 2;
        if (extra != nullptr) extra += i / 8 * ranking.extra_bits;
        ZIPNN_TARGET::merge_ranked_by<vectors::unpack<Ranks512>, vectors::unrank<Ranks512>, Fields512::merge>(
            layout, base, ranking, paired, extra, rest.data(), n - i, elements + i * layout_of(layout).width);
    }

    /// float16 and float32 layouts, whose upper half is rotated.
    static void merge(LayoutId layout, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                      std::uint8_t* elements) {
        std::size_t i = 0;
        if (layout == LayoutId::float16) {
            i = merge_symbols(planes, n, Store16{planes, elements});
        } else if (layout == LayoutId::float32) {
            i = merge_symbols(planes, n, Store32{planes, elements});
        }
        std::array<const std::uint8_t*, max_planes> rest{};
        for (std::size_t p = 0; p < layout_of(layout).planes; ++p) rest[p] = planes[p] + i;
        vectors::merge<Avx2>(layout, base, rest.data(), n - i, elements + i * layout_of(layout).width);
    }

    template <typename Store>
    static std::size_t merge_symbols(const std::uint8_t* const* planes, std::size_t n,
                                     const Store& store_elements) {
        const Interleave bytes;
        std::size_t i = 0;
        for (; i + step <= n; i += step) {
            prefetch_planes<Store::stored_planes>(planes, i);
            store_elements(i, rotated(bytes(load(planes[0] + i), load(planes[1] + i))));
        }
        return i;
    }
};

}  // namespace zipnn::ZIPNN_TARGET::x86
