// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "frame/coder.hpp"
#include "frame/plane_decoder.hpp"
#include "simd/kernels.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/frame.hpp"
#include "zipnn/pool.hpp"

namespace zipnn {
namespace {

/// Decodes a chunk that is made of planes.
void decode_planes(const PlaneDecoder& decoder, Bytes payload, std::size_t elements, MutableBytes out) {
    const Coder& coder = decoder.coder();
    const Layout& layout = coder.properties();
    Cursor cursor(payload);
    std::array<const std::uint8_t*, max_planes> planes{};
    std::array<PlaneScratch, max_planes>& scratch = thread_scratch();
    std::vector<std::uint32_t> overflows;
    for (std::size_t p = 0; p < layout.planes; ++p)
        planes[p] = decoder.decode(p, cursor, elements, scratch[p], overflows);
    const std::size_t coded = elements * layout.width;
    const Bytes tail = cursor.take(out.size() - coded, "payload");
    if (cursor.left() != 0) throw CorruptError("payload is not used up");
    active_kernels().merge(coder.layout, coder.base, planes.data(), elements, out.data());
    std::ranges::copy(tail, out.begin() + static_cast<std::ptrdiff_t>(coded));
}

void decode_chunk(const PlaneDecoder& decoder, Bytes payload, MutableBytes out) {
    const Layout& layout = decoder.coder().properties();
    if (layout.planes != 0) return decode_planes(decoder, payload, out.size() / layout.width, out);
    if (payload.size() != out.size()) throw CorruptError("stored payload has a wrong size");
    std::ranges::copy(payload, out.begin());
}

}  // namespace

void decode_chunks(const Head& head, Bytes payloads, std::size_t first, std::size_t count, MutableBytes out,
                   unsigned threads) {
    if (head.reference) throw FormatError("a reference frame holds no data");
    if (head.coder->layout == LayoutId::zstd) throw FormatError("zstd payloads are not decoded here");
    if (first > head.chunk_count() || count > head.chunk_count() - first)
        throw std::invalid_argument("no such chunk");
    const std::uint64_t start = first * head.chunk_bytes;
    const std::uint64_t decoded =
        std::min(head.data_size - std::min(head.data_size, start), count * head.chunk_bytes);
    if (out.size() != decoded || payloads.size() != head.offsets[first + count] - head.offsets[first])
        throw std::invalid_argument("payloads or output have a wrong size");

    const PlaneDecoder decoder(*head.coder, payloads);
    parallel_for(count, threads, [&](std::size_t i) {
        const std::size_t chunk = first + i;
        const Bytes payload = payloads.subspan(head.offsets[chunk] - head.offsets[first],
                                               head.offsets[chunk + 1] - head.offsets[chunk]);
        const MutableBytes target = out.subspan(i * head.chunk_bytes, head.chunk_size(chunk));
        try {
            decode_chunk(decoder, payload, target);
        } catch (const CorruptError& error) {
            throw CorruptError("chunk " + std::to_string(chunk) + ": " + error.what());
        }
        if (xxh3_64(target) != head.checksums[chunk])
            throw CorruptError("chunk " + std::to_string(chunk) + ": checksum differs");
    });
}

std::string codec_name(const Head& head) {
    if (head.reference) return "reference";
    const Coder& coder = *head.coder;
    if (coder.layout == LayoutId::stored || coder.layout == LayoutId::zstd) return coder.properties().name;
    std::array<bool, std::variant_size_v<Table>> used{};
    for (const auto& tables : coder.planes)
        for (const Table& table : tables) used[table.index()] = true;
    if (used[1]) return used[2] ? "huffman+layered" : "huffman";
    if (used[2]) return "layered";
    return used[0] ? "constant" : "stored";
}

}  // namespace zipnn
