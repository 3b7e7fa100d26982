// SPDX-License-Identifier: MIT
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "frame/changes.hpp"
#include "frame/chunk_encoder.hpp"
#include "frame/head.hpp"
#include "frame/scratch.hpp"
#include "frame/train_difference.hpp"
#include "simd/kernels.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/difference.hpp"
#include "zipnn/pool.hpp"

namespace zipnn {
namespace {

constexpr std::uint64_t max_align = 8;

/// What becomes of one chunk.
struct CodedChunk {
    std::vector<std::uint8_t> payload;
    std::uint64_t checksum, base_hash, payload_hash;
};

void encode_dense(const PlaneEncoder& encoder, const Difference& difference, Bytes data, Bytes base,
                  std::uint64_t first, std::vector<std::uint8_t>& out) {
    const std::size_t width = encoder.coder().properties().width;
    thread_local Scratch scratch;
    std::uint8_t* differences = scratch.reserve(data.size());
    active_kernels().subtract(difference.order, width, data.data(), base.data(), data.size() / width,
                              differences);
    encode_chunk(encoder, {differences, data.size()}, Place{first, base, difference.order}, out);
}

}  // namespace

struct DifferenceEncoder::State {
    Bytes data, base;
    unsigned threads;
    DifferenceTraining training;

    std::size_t chunk_bytes() const { return training.coder.properties().width << default_chunk_log2; }
    CodedChunk encode(const PlaneEncoder& encoder, std::size_t index) const {
        const std::size_t start = index * chunk_bytes(), size = std::min(chunk_bytes(), data.size() - start);
        const Bytes part = data.subspan(start, size), old = base.subspan(start, size);
        CodedChunk chunk{};
        thread_local std::vector<std::uint8_t> coding;
        coding.clear();
        if (training.difference.form == Difference::Form::sparse)
            encode_changes(encoder, training.difference, part, old, coding);
        else
            encode_dense(encoder, training.difference, part, old, index << default_chunk_log2, coding);
        chunk.payload = coding;
        chunk.checksum = xxh3_64(part);
        chunk.base_hash = xxh3_64(old);
        chunk.payload_hash = xxh3_64(chunk.payload);
        return chunk;
    }
};

DifferenceEncoder::DifferenceEncoder(Bytes data, Bytes base, Family family, Level level, unsigned threads)
    : state_(std::make_unique<State>(State{data, base, threads, {}})) {
    if (data.empty() || data.size() != base.size() || data.size() % width_of(family) != 0)
        throw std::invalid_argument("data and base are not elements of one shape");
    state_->training = train_difference(data, base, family, level);
}
DifferenceEncoder::~DifferenceEncoder() = default;
DifferenceEncoder::DifferenceEncoder(DifferenceEncoder&&) noexcept = default;
DifferenceEncoder& DifferenceEncoder::operator=(DifferenceEncoder&&) noexcept = default;

double DifferenceEncoder::ratio() const { return state_->training.ratio; }

std::vector<std::uint8_t> DifferenceEncoder::frame(const Description& description,
                                                   std::uint64_t align) const {
    if (align == 0 || align > max_align) throw std::invalid_argument("align is out of range");
    Difference difference = state_->training.difference;
    const Coder& coder = state_->training.coder;
    const std::size_t chunk = state_->chunk_bytes();
    const std::size_t count =
        difference.form == Difference::Form::identical ? 0 : (state_->data.size() + chunk - 1) / chunk;
    std::vector<CodedChunk> chunks(count);
    const PlaneEncoder encoder(coder);
    // The hash of all of the base goes beside the chunks; with one chunk, it is that one's.
    parallel_for(count == 1 ? 1 : count + 1, state_->threads, [&](std::size_t i) {
        if (i < count)
            chunks[i] = state_->encode(encoder, i);
        else
            difference.base_hash = xxh3_64(state_->base);
    });
    if (count == 1) difference.base_hash = chunks[0].base_hash;
    ChunkTable table{default_chunk_log2, {}};
    std::uint64_t payload_size = 0;
    for (const CodedChunk& coded : chunks) {
        table.entries.push_back({static_cast<std::uint32_t>(coded.payload.size()), coded.checksum});
        difference.base_hashes.push_back(coded.base_hash);
        difference.payload_hashes.push_back(coded.payload_hash);
        payload_size += coded.payload.size();
    }
    const auto with_size = [&](std::uint64_t size) {
        return write_difference_head(difference, coder, table, description, size, state_->data.size());
    };
    const std::uint64_t size = (with_size(0).size() + payload_size + align - 1) / align * align;
    std::vector<std::uint8_t> frame = with_size(size);
    frame.reserve(size);
    for (const CodedChunk& coded : chunks) append(frame, coded.payload);
    frame.resize(size);
    return frame;
}

}  // namespace zipnn
