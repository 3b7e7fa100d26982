// SPDX-License-Identifier: MIT
#include <algorithm>
#include <stdexcept>
#include <string>

#include "frame/thread_decoder.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/difference.hpp"
#include "zipnn/pool.hpp"

namespace zipnn {
namespace {

constexpr const char* wrong_base = "the base is not the one that the difference was made to";

/// What the chunks of a call share.
struct Job {
    const Head& head;
    Bytes payloads, base;
    std::size_t first;
    MutableBytes out;
    bool base_known;

    const Difference& difference() const { return *head.difference; }
    Bytes payload(std::size_t chunk) const {
        return payloads.subspan(head.offsets[chunk] - head.offsets[first],
                                head.offsets[chunk + 1] - head.offsets[chunk]);
    }
    std::size_t start(std::size_t chunk) const { return (chunk - first) * head.chunk_bytes; }

    void check(std::size_t chunk) const {
        if (!base_known &&
            xxh3_64(base.subspan(start(chunk), head.chunk_size(chunk))) != difference().base_hashes[chunk])
            throw BaseMismatchError(wrong_base);
        if (xxh3_64(payload(chunk)) != difference().payload_hashes[chunk])
            throw CorruptError("the payload's checksum differs");
    }

    void decode(const DecodeTables& tables, std::size_t chunk) const {
        const Bytes old = base.subspan(start(chunk), head.chunk_size(chunk));
        const MutableBytes target = out.subspan(start(chunk), old.size());
        if (difference().form == Difference::Form::sparse) {
            if (old.data() != target.data()) std::ranges::copy(old, target.begin());
            thread_decoder().decode_changes(tables, difference(), payload(chunk), head.checksums[chunk],
                                            target);
        } else {
            const Place place{chunk << head.chunk_log2, old, difference().order};
            thread_decoder().decode(tables, payload(chunk), place, head.checksums[chunk], target);
        }
    }
};

}  // namespace

void decode_difference(const Head& head, Bytes payloads, Bytes base, std::size_t first, std::size_t count,
                       MutableBytes out, unsigned threads, bool base_known) {
    if (!head.difference) throw std::invalid_argument("the frame is no difference");
    if (first > head.chunk_count() || count > head.chunk_count() - first)
        throw std::invalid_argument("no such chunk");
    if (head.difference->form == Difference::Form::identical) {
        if (out.size() != head.data_size) throw std::invalid_argument("output has a wrong size");
        if (base.size() != out.size() || (!base_known && xxh3_64(base) != head.difference->base_hash))
            throw BaseMismatchError(wrong_base);
        if (base.data() != out.data()) std::ranges::copy(base, out.begin());
        return;
    }
    const std::uint64_t decoded = std::min(
        head.data_size - std::min(head.data_size, first * head.chunk_bytes), count * head.chunk_bytes);
    if (out.size() != decoded || payloads.size() != head.offsets[first + count] - head.offsets[first])
        throw std::invalid_argument("payloads or output have a wrong size");
    if (base.size() != decoded) throw BaseMismatchError(wrong_base);

    const Job job{head, payloads, base, first, out, base_known};
    const auto for_chunks = [&](const auto& act) {
        parallel_for(count, threads, [&](std::size_t i) {
            try {
                act(first + i);
            } catch (const CorruptError& error) {
                throw CorruptError("chunk " + std::to_string(first + i) + ": " + error.what());
            }
        });
    };
    for_chunks([&](std::size_t chunk) { job.check(chunk); });
    const DecodeTables tables(*head.coder, payloads, out.size() / head.coder->properties().width);
    for_chunks([&](std::size_t chunk) { job.decode(tables, chunk); });
}

}  // namespace zipnn
