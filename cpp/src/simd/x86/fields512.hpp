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
    struct StoreBfloat16 {
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
    struct StoreFloat32 {
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

    static void merge_ranked(LayoutId layout, std::uint16_t base, const Ranking& ranking, bool paired,
                             const std::uint8_t* const* planes, std::size_t n, std::uint8_t* elements) {
        const Upper upper(ranking, base);
        const std::size_t i = layout == LayoutId::bfloat16w
                                  ? merge_upper(upper, paired, planes, n, StoreBfloat16{planes, elements})
                                  : merge_upper(upper, paired, planes, n, StoreFloat32{planes, elements});
        if (i == n) return;
        std::array<const std::uint8_t*, max_planes> rest{};
        for (std::size_t p = 0; p < layout_of(layout).planes; ++p) rest[p] = planes[p] + i;
        if (paired) rest[0] = planes[0] + i / 2;
        ZIPNN_TARGET::merge_ranked_by<vectors::unpack<Ranks512>, vectors::unrank<Ranks512>,
                                      vectors::merge<Avx2>>(layout, base, ranking, paired, rest.data(), n - i,
                                                            elements + i * layout_of(layout).width);
    }

    /// float16 and float32 layouts, whose upper half is rotated.
    static void merge(LayoutId layout, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                      std::uint8_t* elements) {
        const Interleave bytes;
        std::size_t i = 0;
        if (layout == LayoutId::float16) {
            for (; i + step <= n; i += step) {
                const Words words = bytes(load(planes[0] + i), load(planes[1] + i));
                store(elements + 2 * i, _mm512_shrdi_epi16(words.low, words.low, 1));
                store(elements + 2 * i + 64, _mm512_shrdi_epi16(words.high, words.high, 1));
            }
        } else if (layout == LayoutId::float32) {
            const InterleaveWords words;
            for (; i + step <= n; i += step) {
                const Words high = bytes(load(planes[0] + i), load(planes[1] + i));
                const Words low = bytes(load(planes[2] + i), load(planes[3] + i));
                words.store(elements + 4 * i, _mm512_shrdi_epi16(high.low, high.low, 1), low.low);
                words.store(elements + 4 * i + 128, _mm512_shrdi_epi16(high.high, high.high, 1), low.high);
            }
        }
        std::array<const std::uint8_t*, max_planes> rest{};
        for (std::size_t p = 0; p < layout_of(layout).planes; ++p) rest[p] = planes[p] + i;
        vectors::merge<Avx2>(layout, base, rest.data(), n - i, elements + i * layout_of(layout).width);
    }
};

}  // namespace zipnn::ZIPNN_TARGET::x86
