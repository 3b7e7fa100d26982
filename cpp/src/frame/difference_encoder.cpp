// SPDX-License-Identifier: MIT
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "frame/changes.hpp"
#include "frame/chunk_encoder.hpp"
#include "frame/head.hpp"
#include "frame/scratch.hpp"
#include "frame/train_difference.hpp"
#include "frame/turns.hpp"
#include "simd/kernels.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/difference.hpp"
#include "zipnn/pool.hpp"

namespace zipnn {
namespace {

constexpr std::uint64_t max_align = 8;

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
    std::size_t chunk_count() const {
        if (training.difference.form == Difference::Form::identical) return 0;
        return (data.size() + chunk_bytes() - 1) / chunk_bytes();
    }
    Bytes part_of(Bytes all, std::size_t chunk) const {
        const std::size_t start = chunk * chunk_bytes();
        return all.subspan(start, std::min(chunk_bytes(), all.size() - start));
    }
    void encode(const PlaneEncoder& encoder, std::size_t chunk, std::vector<std::uint8_t>& out) const {
        const Bytes part = part_of(data, chunk), old = part_of(base, chunk);
        if (training.difference.form == Difference::Form::sparse)
            encode_changes(encoder, training.difference, part, old, out);
        else
            encode_dense(encoder, training.difference, part, old, chunk << default_chunk_log2, out);
    }
    /// The payloads of all chunks, one behind the other; false if there is no room for them.
    bool encode_all(Difference& difference, ChunkTable& table, MutableBytes out) const;
};

bool DifferenceEncoder::State::encode_all(Difference& difference, ChunkTable& table, MutableBytes out) const {
    const std::size_t count = chunk_count();
    const PlaneEncoder encoder(training.coder);
    table.entries.resize(count);
    difference.base_hashes.resize(count);
    difference.payload_hashes.resize(count);
    Turns turns;
    // The hash of all of the base is made beside the chunks.
    parallel_for(count + 1, threads, [&](std::size_t i) {
        try {
            if (i == count) difference.base_hash = xxh3_64(base);
            if (i == count || turns.given_up()) return;
            thread_local std::vector<std::uint8_t> payload;
            payload.clear();
            encode(encoder, i, payload);
            table.entries[i] = {static_cast<std::uint32_t>(payload.size()), xxh3_64(part_of(data, i))};
            difference.base_hashes[i] = xxh3_64(part_of(base, i));
            difference.payload_hashes[i] = xxh3_64(payload);
            turns.take(i, [&] {
                if (payload.size() > out.size()) return false;
                std::ranges::copy(payload, out.begin());
                out = out.subspan(payload.size());
                return true;
            });
        } catch (...) {
            turns.give_up();
            throw;
        }
    });
    return !turns.given_up();
}

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

std::optional<std::uint64_t> DifferenceEncoder::frame(const Description& description, std::uint64_t align,
                                                      MutableBytes out) const {
    if (align == 0 || align > max_align) throw std::invalid_argument("align is out of range");
    Difference difference = state_->training.difference;
    ChunkTable table{default_chunk_log2, {}};
    const auto head_of = [&](std::uint64_t size) {
        return write_difference_head(difference, state_->training.coder, table, description, size,
                                     state_->data.size());
    };
    // The head has the same size whatever is in the table.
    table.entries.resize(state_->chunk_count());
    difference.base_hashes.resize(state_->chunk_count());
    difference.payload_hashes.resize(state_->chunk_count());
    const std::size_t head_size = head_of(0).size();
    if (head_size > out.size() || !state_->encode_all(difference, table, out.subspan(head_size)))
        return std::nullopt;
    std::uint64_t end = head_size;
    for (const ChunkEntry& entry : table.entries) end += entry.payload_size;
    const std::uint64_t size = (end + align - 1) / align * align;
    if (size > out.size()) return std::nullopt;
    std::ranges::copy(head_of(size), out.begin());
    std::ranges::fill(out.subspan(end, size - end), std::uint8_t{0});
    return size;
}

}  // namespace zipnn
