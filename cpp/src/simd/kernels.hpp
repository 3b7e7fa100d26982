// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "entropy/huffman_table.hpp"
#include "entropy/layered_table.hpp"
#include "fields/layout.hpp"

/// The boundary between the format and its inner loops.
///
/// A kernel is a pure loop: it allocates nothing, throws nothing and checks nothing that its
/// preconditions promise. Every implementation gives the same bytes; the format is laid out by 128
/// elements, never by the width of a vector. The table of kernels is chosen once (active_kernels).
#if defined(__x86_64__) && defined(__GNUC__)
#define ZIPNN_X86 1
#endif

namespace zipnn {

/// One tile on its way through a decoding kernel.
struct TileIn {
    const std::uint8_t* source;  ///< payload; `slack` bytes behind its end can be read
    std::size_t size;            ///< of the payload
    std::uint8_t* target;        ///< `elements` bytes
    std::size_t elements;        ///< 1..tile_elements
};

struct Kernels {
    const char* name;

    /// Folds `stripes` stripes of 64 bytes into the eight accumulators; stripe i uses the secret at 8*i.
    void (*xxh3_accumulate)(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                            std::size_t stripes);

    /// Elements -> planes, and back. `planes[p]` holds `n` bytes for each plane of the layout.
    void (*split)(LayoutId layout, std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                  std::uint8_t* const* planes);
    void (*merge)(LayoutId layout, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                  std::uint8_t* elements);

    /// Plane bytes with bit 0 clear <-> packed7_size(n) bytes.
    void (*pack7)(const std::uint8_t* plane, std::size_t n, std::uint8_t* packed);
    void (*unpack7)(const std::uint8_t* packed, std::size_t n, std::uint8_t* plane);

    /// Decodes tiles that share a table. False if a payload is not exactly one tile's code.
    /// Safe on any payload: reads stay within the slack, writes within the targets.
    bool (*huffman_decode)(const HuffmanDecodeTable& table, const TileIn* tiles, std::size_t count);

    /// Encodes `n` symbols, last to first. Returns the payload's size; `target` has room for
    /// 2*n + 16 bytes. `unseen` is set if a symbol has no code (it is written as the fallback).
    std::size_t (*huffman_encode)(const HuffmanEncodeTable& table, const std::uint8_t* symbols, std::size_t n,
                                  std::uint8_t* target, bool* unseen);

    /// As huffman_decode, for one layered tile; may write up to the next multiple of 64 elements.
    bool (*layered_decode)(const LayeredTable& table, const TileIn& tile);

    /// As huffman_encode; `target` has room for 2*n + 16 bytes.
    std::size_t (*layered_encode)(const LayeredTable& table, const std::uint8_t* symbols, std::size_t n,
                                  std::uint8_t* target, bool* unseen);
};

/// The kernels for this processor: the best that it can run, or what ZIPNN_SIMD names
/// (scalar, avx2, avx512) if it can run that.
const Kernels& active_kernels();

/// All kernels that this processor can run, the plain C++ first. For tests: all give the same bytes.
std::span<const Kernels* const> available_kernels();

extern const Kernels scalar_kernels;
#if defined(ZIPNN_X86)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

}  // namespace zipnn
