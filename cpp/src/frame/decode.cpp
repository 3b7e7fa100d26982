// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <string>

#include "frame/coder.hpp"
#include "frame/thread_decoder.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/frame.hpp"
#include "zipnn/pool.hpp"

namespace zipnn {
namespace {

/// `start`: of the chunk in the data.
void decode_chunk(const DecodeTables& tables, Bytes payload, std::uint64_t start, std::uint64_t checksum,
                  MutableBytes out) {
    const Layout& layout = tables.coder().properties();
    if (layout.planes != 0)
        return thread_decoder().decode(tables, payload, Place{start / layout.width}, checksum, out);
    if (payload.size() != out.size()) throw CorruptError("stored payload has a wrong size");
    std::ranges::copy(payload, out.begin());
    if (xxh3_64(out) != checksum) throw CorruptError("checksum differs");
}

}  // namespace

void decode_chunks(const Head& head, Bytes payloads, std::size_t first, std::size_t count, MutableBytes out,
                   unsigned threads) {
    if (head.reference) throw FormatError("a reference frame holds no data");
    if (head.difference)
        throw FormatError("the frame is a difference to a base, which is needed to decode it");
    if (head.coder->layout == LayoutId::zstd) throw FormatError("zstd payloads are not decoded here");
    if (first > head.chunk_count() || count > head.chunk_count() - first)
        throw std::invalid_argument("no such chunk");
    const std::uint64_t start = first * head.chunk_bytes;
    const std::uint64_t decoded =
        std::min(head.data_size - std::min(head.data_size, start), count * head.chunk_bytes);
    if (out.size() != decoded || payloads.size() != head.offsets[first + count] - head.offsets[first])
        throw std::invalid_argument("payloads or output have a wrong size");

    const DecodeTables tables(*head.coder, payloads, out.size() / head.coder->properties().width);
    parallel_for(count, threads, [&](std::size_t i) {
        const std::size_t chunk = first + i;
        const Bytes payload = payloads.subspan(head.offsets[chunk] - head.offsets[first],
                                               head.offsets[chunk + 1] - head.offsets[chunk]);
        const MutableBytes target = out.subspan(i * head.chunk_bytes, head.chunk_size(chunk));
        try {
            decode_chunk(tables, payload, chunk * head.chunk_bytes, head.checksums[chunk], target);
        } catch (const CorruptError& error) {
            throw CorruptError("chunk " + std::to_string(chunk) + ": " + error.what());
        }
    });
}

std::string codec_name(const Head& head) {
    if (head.reference) return "reference";
    const Coder& coder = *head.coder;
    if (head.difference && head.difference->form == Difference::Form::identical) return "identical";
    if (coder.layout == LayoutId::stored || coder.layout == LayoutId::zstd) return coder.properties().name;
    bool any = false, huffman = false, layered = false, rans = false;
    for (const auto& tables : coder.planes) {
        rans |= context_table(tables) != nullptr;
        for (const Table& table : tables) {
            any = true;
            huffman |= huffman_of(table) != nullptr;
            layered |= layered_of(table) != nullptr;
        }
    }
    std::string name;
    const auto add = [&](bool used, const char* codec) {
        if (used) name.append(name.empty() ? "" : "+").append(codec);
    };
    add(huffman, "huffman");
    add(layered, "layered");
    add(rans, "rans");
    if (!name.empty()) return name;
    return any ? "constant" : "stored";
}

}  // namespace zipnn
