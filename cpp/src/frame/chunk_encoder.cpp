// SPDX-License-Identifier: MIT
#include "frame/chunk_encoder.hpp"

#include <algorithm>
#include <array>

#include "frame/scratch.hpp"
#include "simd/kernels.hpp"

namespace zipnn {
namespace {

/// Adds the escapes of the elements outside a layout's window; the first element is number `first`.
void add_exponent_escapes(const Layout& layout, unsigned base, Bytes elements, std::size_t first,
                          std::vector<std::uint32_t>& escapes) {
    const std::size_t n = elements.size() / layout.width;
    for (std::size_t i = 0; i < n; ++i) {
        const unsigned exponent =
            load_le<std::uint16_t>(elements.data() + (i + 1) * layout.width - 2) >> 7 & 0xffU;
        if (exponent != 0 && exponent - base - 1 >= window_exponents)
            escapes.push_back(static_cast<std::uint32_t>(first + i) | escape_exponent | exponent << 24);
    }
}

/// Elements that are split at a time: escapes are looked for where a part of a chunk has some.
constexpr std::size_t split_at_once = 512;

/// Splits the elements of a chunk into planes. Returns the escapes of those outside the layout's window.
std::vector<std::uint32_t> split_chunk(const Coder& coder, Bytes elements,
                                       const std::array<std::uint8_t*, max_planes>& planes) {
    const Layout& layout = coder.properties();
    const std::size_t n = elements.size() / layout.width;
    std::vector<std::uint32_t> escapes;
    if (!layout.windowed()) {
        active_kernels().split(coder.layout, coder.base, elements.data(), n, planes.data());
        return escapes;
    }
    std::array<std::uint8_t*, max_planes> part = planes;
    for (std::size_t first = 0; first < n; first += split_at_once) {
        const std::size_t count = std::min(split_at_once, n - first);
        const Bytes data = elements.subspan(first * layout.width, count * layout.width);
        if (active_kernels().split(coder.layout, coder.base, data.data(), count, part.data()))
            add_exponent_escapes(layout, coder.base, data, first, escapes);
        for (std::size_t p = 0; p < layout.planes; ++p) part[p] += count;
    }
    return escapes;
}

/// Plane 0 and, where they do not share another plane's bytes, its extra bits.
void encode_first_plane(const PlaneEncoder& encoder, Bytes symbols, const Place& place,
                        std::span<const std::uint32_t> exponents, std::uint8_t* second_plane,
                        std::vector<std::uint8_t>& out) {
    const Coder& coder = encoder.coder();
    const unsigned bits = coder.extra_bits();
    if (!coder.extra_packed()) {
        encoder.encode(0, symbols, place, exponents, {second_plane, 8 - bits}, out);
        return;
    }
    thread_local Scratch scratch;
    const ExtraBits extra{scratch.reserve(symbols.size()), 0};
    std::fill_n(extra.bytes, symbols.size(), std::uint8_t{0});
    if (!encoder.encode(0, symbols, place, exponents, extra, out)) return;
    const std::size_t at = out.size();
    out.resize(at + packed_size(bits, symbols.size()));
    active_kernels().pack(bits, extra.bytes, symbols.size(), out.data() + at);
}

}  // namespace

void encode_chunk(const PlaneEncoder& encoder, Bytes chunk, const Place& place,
                  std::vector<std::uint8_t>& out) {
    const Coder& coder = encoder.coder();
    const Layout& layout = coder.properties();
    const std::size_t n = chunk.size() / layout.width;
    std::array<std::uint8_t*, max_planes> planes{};
    thread_local std::array<Scratch, max_planes> scratch;
    for (std::size_t p = 0; p < layout.planes; ++p) planes[p] = scratch[p].reserve(n);
    const std::vector<std::uint32_t> exponents = split_chunk(coder, chunk.first(n * layout.width), planes);
    encode_first_plane(encoder, {planes[0], n}, place, exponents, planes[1], out);
    for (std::size_t p = 1; p < layout.planes; ++p) encoder.encode(p, {planes[p], n}, place, {}, {}, out);
    append(out, chunk.subspan(n * layout.width));
}

}  // namespace zipnn
