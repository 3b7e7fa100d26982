// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::x86 {

/// A table of 256 bytes in four registers.
class ByteTable {
  public:
    explicit ByteTable(const std::uint8_t* table)
        : a_(_mm512_loadu_si512(table)),
          b_(_mm512_loadu_si512(table + 64)),
          c_(_mm512_loadu_si512(table + 128)),
          d_(_mm512_loadu_si512(table + 192)) {}

    __m512i look_up(__m512i index) const {
        return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), _mm512_permutex2var_epi8(a_, index, b_),
                                      _mm512_permutex2var_epi8(c_, index, d_));
    }

    /// For bytes below 128.
    __m512i look_up_low(__m512i index) const { return _mm512_permutex2var_epi8(a_, index, b_); }

  private:
    __m512i a_, b_, c_, d_;
};

/// Codes of 32 symbols joined by fours, the later symbol's lowest: eight strings of up to 48 bits.
struct Quads {
    __m512i bits, lengths;
};

/// `codes`: 32 words, the code in bits 0..11 and its length in bits 12..15.
inline Quads join_quads(__m512i codes) {
    const __m512i code = _mm512_and_si512(codes, _mm512_set1_epi16(0xfff));
    const __m512i length = _mm512_srli_epi16(codes, 12);
    const __m512i word = _mm512_set1_epi32(0xffff), half = _mm512_set1_epi64(0xffffffff);
    const __m512i pair_length_1 = _mm512_srli_epi32(length, 16);
    const __m512i pair = _mm512_or_si512(_mm512_srli_epi32(code, 16),
                                         _mm512_sllv_epi32(_mm512_and_si512(code, word), pair_length_1));
    const __m512i pair_length = _mm512_add_epi32(_mm512_and_si512(length, word), pair_length_1);
    const __m512i quad_length_1 = _mm512_srli_epi64(pair_length, 32);
    return {_mm512_or_si512(_mm512_srli_epi64(pair, 32),
                            _mm512_sllv_epi64(_mm512_and_si512(pair, half), quad_length_1)),
            _mm512_add_epi64(_mm512_and_si512(pair_length, half), quad_length_1)};
}

/// Appends strings of up to 56 bits, the last first. Returns behind what is whole.
class BitWriter {
  public:
    explicit BitWriter(std::uint8_t* target) : out_(target) {}

    void put(std::uint64_t bits, std::uint64_t length) {
        window_ |= bits << filled_;
        filled_ += length;
        store_le(out_, window_);
        out_ += filled_ >> 3;
        window_ >>= filled_ & ~std::uint64_t{7};
        filled_ &= 7;
    }
    void put(const Quads& quads) {
        alignas(64) std::uint64_t bits[8], lengths[8];
        _mm512_store_si512(bits, quads.bits);
        _mm512_store_si512(lengths, quads.lengths);
        for (std::size_t i = 8; i > 0; i -= 2) {
            // Two at once where they fit behind seven bits: each step waits for the one before.
            const std::uint64_t length = lengths[i - 2] + lengths[i - 1];
            if (length <= 56) {
                put(bits[i - 1] | bits[i - 2] << lengths[i - 1], length);
            } else {
                put(bits[i - 1], lengths[i - 1]);
                put(bits[i - 2], lengths[i - 2]);
            }
        }
    }
    const std::uint8_t* end() const { return out_ + (filled_ != 0); }

  private:
    std::uint8_t* out_;
    std::uint64_t window_ = 0, filled_ = 0;
};

inline std::size_t huffman_encode(const HuffmanEncodeTable& table, const std::uint8_t* symbols, std::size_t n,
                                  std::uint8_t* target, UnseenMap& unseen) {
    const ByteTable low(table.low.data()), high(table.high.data()), missing(table.unseen.data());
    BitWriter writer(target);
    std::size_t left = n;
    for (; left % 64 != 0; --left) {
        const std::uint32_t code = table.codes[symbols[left - 1]];
        add_unseen(unseen, left - 1, code >> 31);
        writer.put(code & 0xffffU, code >> 16 & 0xffU);
    }
    for (; left > 0; left -= 64) {
        const __m512i symbol = _mm512_loadu_si512(symbols + left - 64);
        unseen[left / 64 - 1] |= _mm512_movepi8_mask(missing.look_up(symbol));
        // Interleaving within lanes of 16 bytes gives words 0..7, 16..23, ... and 8..15, 24..31, ...
        const __m512i l = low.look_up(symbol), h = high.look_up(symbol);
        const __m512i even = _mm512_unpacklo_epi8(l, h), odd = _mm512_unpackhi_epi8(l, h);
        const __m512i first =
            _mm512_permutex2var_epi64(even, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), odd);
        const __m512i second =
            _mm512_permutex2var_epi64(even, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), odd);
        writer.put(join_quads(second));
        writer.put(join_quads(first));
    }
    return static_cast<std::size_t>(writer.end() - target);
}

/// 512-bit steps of the layered kernels.
struct Vector {
    using Symbols = __m512i;

    static constexpr auto decode_level_d = vectors::LayeredSteps<Avx2>::decode_level_d;
    static constexpr auto encode_level_d = vectors::LayeredSteps<Avx2>::encode_level_d;

    static __m512i xxh3_stripe(__m512i acc, const std::uint8_t* data, const std::uint8_t* secret) {
        const __m512i value = _mm512_loadu_si512(data);
        const __m512i key = _mm512_xor_si512(value, _mm512_loadu_si512(secret));
        const __m512i product = _mm512_mul_epu32(key, _mm512_srli_epi64(key, 32));
        return _mm512_add_epi64(acc, _mm512_add_epi64(product, _mm512_shuffle_epi32(value, _MM_PERM_BADC)));
    }

    static void xxh3_accumulate(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                                std::size_t stripes) {
        __m512i lanes = _mm512_loadu_si512(acc);
        for (; stripes > 0; --stripes, data += 64, secret += 8) lanes = xxh3_stripe(lanes, data, secret);
        _mm512_storeu_si512(acc, lanes);
    }

    static void xxh3_blocks(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                            std::size_t blocks) {
        const __m512i key = _mm512_loadu_si512(secret + xxh3_scramble_at);
        const __m512i prime = _mm512_set1_epi64(xxh3_prime);
        __m512i lanes = _mm512_loadu_si512(acc), other = _mm512_setzero_si512();
        for (; blocks > 0; --blocks, data += 64 * xxh3_block_stripes) {
            for (std::size_t i = 0; i < xxh3_block_stripes; i += 2) {
                lanes = xxh3_stripe(lanes, data + 64 * i, secret + 8 * i);
                other = xxh3_stripe(other, data + 64 * (i + 1), secret + 8 * (i + 1));
            }
            lanes = _mm512_add_epi64(lanes, other);
            other = _mm512_setzero_si512();
            const __m512i mixed = _mm512_ternarylogic_epi64(lanes, _mm512_srli_epi64(lanes, 47), key, 0x96);
            const __m512i high = _mm512_mul_epu32(_mm512_srli_epi64(mixed, 32), prime);
            lanes = _mm512_add_epi64(_mm512_mul_epu32(mixed, prime), _mm512_slli_epi64(high, 32));
        }
        _mm512_storeu_si512(acc, lanes);
    }

    static std::size_t count_threes(const std::uint8_t* codes, std::size_t n) {
        const __m512i low_bits = _mm512_set1_epi8(0x55);
        __m512i counts = _mm512_setzero_si512();
        std::size_t i = 0;
        for (; i + 256 <= n; i += 256) {
            const __m512i code = _mm512_loadu_si512(codes + i / 4);
            const __m512i threes =
                _mm512_ternarylogic_epi64(code, _mm512_srli_epi16(code, 1), low_bits, 0x80);
            counts = _mm512_add_epi64(counts, _mm512_popcnt_epi64(threes));
        }
        return static_cast<std::size_t>(_mm512_reduce_add_epi64(counts)) +
               ZIPNN_TARGET::count_threes(codes + i / 4, n - i);
    }

    /// Ranks of 64 symbols.
    class Ranks {
      public:
        static constexpr std::size_t step = 64;
        static bool suits(const LayeredTable& /*table*/) { return true; }

        explicit Ranks(const LayeredTable& table) : ranks_(table.rank.data()) {}

        bool look_up(const std::uint8_t* symbols, std::uint8_t* ranks) const {
            const __m512i rank = ranks_.look_up(_mm512_loadu_si512(symbols));
            const __mmask64 unseen = _mm512_movepi8_mask(rank);  // only `unseen` has bit 7 set
            _mm512_storeu_si512(ranks, _mm512_maskz_mov_epi8(~unseen, rank));
            return unseen != 0;
        }

      private:
        ByteTable ranks_;
    };

    static std::size_t encode_block(const std::uint8_t* ranks, std::uint8_t* packed, std::uint8_t* escaped) {
        const __m512i three = _mm512_set1_epi8(3);
        const __m512i rank_0 = _mm512_loadu_si512(ranks), rank_1 = _mm512_loadu_si512(ranks + 64);
        const __m512i code_0 = _mm512_min_epu8(rank_0, three), code_1 = _mm512_min_epu8(rank_1, three);
        const __mmask64 escape_0 = _mm512_cmpeq_epi8_mask(code_0, three);
        const __mmask64 escape_1 = _mm512_cmpeq_epi8_mask(code_1, three);
        _mm512_storeu_si512(escaped, _mm512_maskz_compress_epi8(escape_0, _mm512_sub_epi8(rank_0, three)));
        const auto count_0 = static_cast<std::size_t>(_mm_popcnt_u64(escape_0));
        _mm512_storeu_si512(escaped + count_0,
                            _mm512_maskz_compress_epi8(escape_1, _mm512_sub_epi8(rank_1, three)));
        // Elements 0..31 go to bits 0 and 1 of the 32 bytes, 32..63 to bits 2 and 3, and so on.
        const __m512i both = _mm512_or_si512(code_0, _mm512_slli_epi16(code_1, 4));
        const __m256i low = _mm512_castsi512_si256(both), high = _mm512_extracti64x4_epi64(both, 1);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(packed),
                            _mm256_or_si256(low, _mm256_slli_epi16(high, 2)));
        return count_0 + static_cast<std::size_t>(_mm_popcnt_u64(escape_1));
    }

    static Symbols symbols(const std::uint8_t* three) {
        return _mm512_broadcast_i32x4(_mm_cvtsi32_si128(three[0] | three[1] << 8 | three[2] << 16));
    }

    static std::size_t decode_block(const std::uint8_t* packed, Symbols by_code, const std::uint8_t* escaped,
                                    std::uint8_t* out) {
        const __m512i three = _mm512_set1_epi8(3);
        const __m512i both =
            _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(packed)));
        // Elements 0..31 are in bits 0 and 1 of the 32 bytes, 32..63 in bits 2 and 3, and so on.
        const __m512i shift_0 = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
        const __m512i shift_1 = _mm512_add_epi16(shift_0, _mm512_set1_epi16(4));
        const __m512i code_0 = _mm512_and_si512(_mm512_srlv_epi16(both, shift_0), three);
        const __m512i code_1 = _mm512_and_si512(_mm512_srlv_epi16(both, shift_1), three);
        const __mmask64 escape_0 = _mm512_cmpeq_epi8_mask(code_0, three);
        const __mmask64 escape_1 = _mm512_cmpeq_epi8_mask(code_1, three);
        const auto count_0 = static_cast<std::size_t>(_mm_popcnt_u64(escape_0));
        _mm512_storeu_si512(out, _mm512_mask_expand_epi8(_mm512_shuffle_epi8(by_code, code_0), escape_0,
                                                         _mm512_loadu_si512(escaped)));
        _mm512_storeu_si512(out + 64, _mm512_mask_expand_epi8(_mm512_shuffle_epi8(by_code, code_1), escape_1,
                                                              _mm512_loadu_si512(escaped + count_0)));
        return count_0 + static_cast<std::size_t>(_mm_popcnt_u64(escape_1));
    }
};

}  // namespace zipnn::ZIPNN_TARGET::x86
