// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "entropy/base_classes.hpp"
#include "entropy/huffman_table.hpp"
#include "entropy/layered_table.hpp"
#include "entropy/ranking.hpp"
#include "entropy/rans.hpp"
#include "fields/layout.hpp"
#include "simd/prefetch.hpp"
#include "zipnn/order.hpp"

/// The boundary between the format and its inner loops.
///
/// A kernel is a pure loop: it allocates nothing, throws nothing and checks nothing that its
/// preconditions promise. Every implementation gives the same bytes; the format is laid out by 128
/// elements, never by the width of a vector. The table of kernels is chosen once (active_kernels).
#if defined(__x86_64__) && defined(__GNUC__)
#define ZIPNN_X86 1
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#define ZIPNN_NEON 1
#endif

namespace zipnn {

/// One tile on its way through a decoding kernel.
struct TileIn {
    const std::uint8_t* source;  ///< payload; `slack` bytes behind its end can be read
    std::size_t size;            ///< of the payload
    std::uint8_t* target;        ///< `elements` bytes
    std::size_t elements;        ///< 1..tile_elements
};

/// Memory that a kernel asks for while it works, line by line, for those who come after it.
struct Ahead {
    Bytes memory;

    void prefetch(std::size_t size) {
        const std::size_t now = std::min(size, memory.size());
        for (std::size_t at = 0; at < now; at += 64) prefetch_to_l2(memory.data() + at);
        memory = memory.subspan(now);
    }
};

/// Which symbols of a tile have no code: bit i % 64 of word i / 64 for symbol i.
using UnseenMap = std::array<std::uint64_t, tile_elements / 64>;

/// Longest code of a Huffman stream that is read backwards.
inline constexpr unsigned max_backward_bits = 12;

/// A table of codes up to this long decodes with a look-up of as many bits, one of longer codes with one of
/// max_backward_bits.
inline constexpr unsigned short_backward_bits = 11;

/// What such a stream looks up with the next bits, the first one highest: up to six symbols.
struct BackwardTable {
    unsigned log;  ///< of the longest code

    unsigned bits() const { return log <= short_backward_bits ? short_backward_bits : max_backward_bits; }

    /// Bits 0..7: code bits used; 8..15: number of symbols (1..6); the first symbol above, and so on.
    std::array<std::uint64_t, std::size_t{1} << max_backward_bits> entries;
    /// One symbol each, looked up with `log` bits: symbol << 8 | length.
    std::array<std::uint16_t, std::size_t{1} << max_backward_bits> single;
};

struct BackwardIn {
    const std::uint8_t* source;
    std::size_t size;      ///< at least 1; the last byte is not 0
    std::uint8_t* target;  ///< `symbols` bytes
    std::size_t symbols;
};

struct Kernels {
    const char* name;

    /// Folds `stripes` stripes of 64 bytes into the eight accumulators; stripe i uses the secret at 8*i.
    void (*xxh3_accumulate)(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                            std::size_t stripes);

    /// Folds `blocks` blocks of 16 stripes, each followed by the scrambling of the accumulators.
    void (*xxh3_blocks)(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                        std::size_t blocks);

    /// Elements -> planes, and back. `planes[p]` holds `n` bytes for each plane of the layout.
    /// True if an element lies outside a windowed layout's window.
    bool (*split)(LayoutId layout, std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                  std::uint8_t* const* planes);
    void (*merge)(LayoutId layout, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                  std::uint8_t* elements);

    /// Values of `bits` bits (1..5), one a byte <-> packed_size(bits, n) bytes. Bits above are ignored when
    /// packing.
    void (*pack)(unsigned bits, const std::uint8_t* values, std::size_t n, std::uint8_t* packed);
    void (*unpack)(unsigned bits, const std::uint8_t* packed, std::size_t n, std::uint8_t* values);

    /// Symbols <-> groups and extra bits (entropy/ranking.hpp). The extra bits are bits `shift` and up of
    /// the bytes of `extra`; `rank` leaves what is below them, so that they can share a plane's bytes.
    void (*rank)(const Ranking& ranking, unsigned shift, const std::uint8_t* symbols, std::size_t n,
                 std::uint8_t* groups, std::uint8_t* extra);
    void (*unrank)(const Ranking& ranking, unsigned shift, const std::uint8_t* groups,
                   const std::uint8_t* extra, std::size_t n, std::uint8_t* symbols);

    /// `unrank` and `merge` of a tile, whose plane 0 holds groups, or packed(4, n) of them if they are
    /// `paired`. `extra`: the packed extra bits; null if plane 1 has them on top, as in windowed layouts.
    /// n <= tile_elements.
    void (*merge_ranked)(LayoutId layout, std::uint16_t base, const Ranking& ranking, bool paired,
                         const std::uint8_t* extra, const std::uint8_t* const* planes, std::size_t n,
                         std::uint8_t* elements);

    /// Decodes tiles that share a table. False if a payload is not exactly one tile's code.
    /// Safe on any payload: reads stay within the slack, writes within the targets.
    /// `ahead`: memory that is needed after this.
    bool (*huffman_decode)(const HuffmanDecodeTable& table, const TileIn* tiles, std::size_t count,
                           Ahead& ahead);

    /// Encodes `n` symbols, last to first. Returns the payload's size; `target` has room for
    /// 2*n + 16 bytes. Symbols without a code are written as the fallback and added to `unseen`.
    std::size_t (*huffman_encode)(const HuffmanEncodeTable& table, const std::uint8_t* symbols, std::size_t n,
                                  std::uint8_t* target, UnseenMap& unseen);

    /// As huffman_decode, for one layered tile; may write up to the next multiple of 64 elements.
    bool (*layered_decode)(const LayeredTable& table, const TileIn& tile);

    /// As huffman_encode; `target` has room for 2*n + 16 bytes.
    std::size_t (*layered_encode)(const LayeredTable& table, const std::uint8_t* symbols, std::size_t n,
                                  std::uint8_t* target, UnseenMap& unseen);

    /// Decodes `n` symbols whose contexts, which `slots` has, are known; `state` goes on to the next symbols.
    /// Element i uses lane i % 32. `slack` bytes behind the words can be read. False if the words do not
    /// suffice.
    bool (*rans_decode)(const RansSlot* slots, const std::uint8_t* contexts, std::size_t n, Bytes words,
                        RansState& state, std::uint8_t* target);

    /// Encodes what is to be decoded in front of what `state` has encoded already. There is room for a word
    /// for each symbol in front of it. The symbols before these are a multiple of 32. True if one has no code
    /// of its own.
    bool (*rans_encode)(const RansCode* codes, const std::uint8_t* contexts, const std::uint8_t* symbols,
                        std::size_t n, std::uint8_t* words, RansState& state);

    /// The difference of `n` elements of `width` bytes to those of a base, and back: zigzag codes of
    /// differences in the elements' order (docs/format.md, 2.8). `out` may be the base.
    void (*subtract)(Order order, std::size_t width, const std::uint8_t* data, const std::uint8_t* base,
                     std::size_t n, std::uint8_t* z);
    void (*add)(Order order, std::size_t width, const std::uint8_t* base, const std::uint8_t* z,
                std::size_t n, std::uint8_t* out);

    /// Adds `count` differences to the elements at these positions, no two alike.
    void (*add_sparse)(Order order, std::size_t width, const std::uint32_t* positions, const std::uint8_t* z,
                       std::size_t count, std::uint8_t* elements);

    /// The positions of elements that differ, of which there is room for `n`. Returns how many.
    std::size_t (*find_changes)(std::size_t width, const std::uint8_t* data, const std::uint8_t* base,
                                std::size_t n, std::uint32_t* positions);

    /// The class of each of `n` elements of a base.
    void (*classify)(const BaseClasses& classes, std::size_t width, const std::uint8_t* base, std::size_t n,
                     std::uint8_t* contexts);

    /// Decodes one or four Huffman streams of RFC 8878. False if one is not used up exactly. Safe on any
    /// streams: reads and writes stay within them and their targets.
    bool (*backward_decode)(const BackwardTable& table, const BackwardIn* streams, std::size_t count);

    /// Elements of 2 or 4 bytes from planes in which the sign lies below the exponent.
    void (*merge_moved16)(const std::uint8_t* const* planes, std::size_t n, std::uint8_t* elements);
    void (*merge_moved32)(const std::uint8_t* const* planes, std::size_t n, std::uint8_t* elements);
};

/// The kernels for this processor: the best that it can run, or what ZIPNN_SIMD names (scalar, 128, avx2,
/// avx512). Says so on the standard error output, once, if it cannot run that.
const Kernels& active_kernels();

/// All kernels that this processor can run, the plain C++ first. For tests: all give the same bytes.
std::span<const Kernels* const> available_kernels();

extern const Kernels scalar_kernels;
#if defined(ZIPNN_X86) || defined(ZIPNN_NEON)
extern const Kernels simd128_kernels;
#endif
#if defined(ZIPNN_X86)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

}  // namespace zipnn
