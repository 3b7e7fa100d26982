// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <unordered_map>

#include "frame/chunk_encoder.hpp"
#include "frame/coder.hpp"
#include "frame/head.hpp"
#include "frame/plane_encoder.hpp"
#include "frame/train.hpp"
#include "frame/turns.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/frame.hpp"
#include "zipnn/pool.hpp"

namespace zipnn {
namespace {

template <typename Value>
Value named(const std::unordered_map<std::string, Value>& values, const std::string& name, const char* what) {
    const auto found = values.find(name);
    if (found == values.end())
        throw std::invalid_argument(std::string("unknown ") + what + " '" + name + "'");
    return found->second;
}

/// A frame ends with at most 7 bytes of padding.
constexpr std::uint64_t max_align = 8;

std::uint64_t padded(std::uint64_t size, std::uint64_t align) { return (size + align - 1) / align * align; }

}  // namespace

Level level_of(const std::string& name) {
    static const std::unordered_map<std::string, Level> levels = {
        {"fast", Level::fast}, {"default", Level::normal}, {"max", Level::max}};
    return named(levels, name, "level");
}

Family family_of(const std::string& name) {
    static const std::unordered_map<std::string, Family> families = {
        {"stored", Family::stored},   {"bytes", Family::bytes},       {"int16", Family::int16},
        {"int32", Family::int32},     {"int64", Family::int64},       {"uint16", Family::uint16},
        {"uint32", Family::uint32},   {"uint64", Family::uint64},     {"float8", Family::float8},
        {"float16", Family::float16}, {"bfloat16", Family::bfloat16}, {"float32", Family::float32},
        {"float64", Family::float64},
    };
    return named(families, name, "family");
}

struct Encoder::State {
    Family family;
    std::uint64_t data_size;
    Level level;
    unsigned threads;
    SamplePlan plan;
    RowPlan rows;  ///< for level max
    Coder coder;
    std::unique_ptr<PlaneEncoder> planes;
    ChunkTable chunks{default_chunk_log2, {}};
    std::uint64_t payload_size = 0;

    std::size_t width() const { return width_of(family); }
    std::uint64_t chunk_bytes() const { return static_cast<std::uint64_t>(coder_width()) << chunks.log2; }
    /// A stored or external coder counts bytes; before training the family's elements.
    std::size_t coder_width() const { return planes ? coder.properties().width : width(); }

    void use(Coder chosen, unsigned chunk_log2 = default_chunk_log2) {
        if (!chunks.entries.empty()) throw std::invalid_argument("chunks are coded already");
        chunks.log2 = chunk_log2;
        coder = std::move(chosen);
        if (coder.properties().planes == 0) coder.planes.clear();
        planes = std::make_unique<PlaneEncoder>(coder);
    }
    void note(std::uint64_t size, std::uint64_t checksum) {
        if (size > 0xffffffffU) throw std::invalid_argument("a payload passes 4 GiB");
        chunks.entries.push_back({static_cast<std::uint32_t>(size), checksum});
        payload_size += size;
    }
};

Encoder::Encoder(Family family, std::uint64_t data_size, Level level, unsigned threads,
                 const std::vector<std::uint64_t>& shape)
    : state_(std::make_unique<State>(State{family, data_size, level, threads, {}, {}, {}, {}})) {
    const std::uint64_t elements = data_size / state_->width();
    state_->plan = plan_sample(elements, state_->width());
    if (level != Level::fast) state_->rows = plan_rows(shape, elements);
}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;

std::uint64_t Encoder::chunk_bytes() const { return state_->chunk_bytes(); }

std::vector<std::pair<std::uint64_t, std::uint64_t>> Encoder::sample_ranges() const {
    auto ranges = state_->plan.ranges;
    ranges.insert(ranges.end(), state_->rows.ranges.begin(), state_->rows.ranges.end());
    for (auto& [offset, size] : ranges) {
        offset *= state_->width();
        size *= state_->width();
    }
    return ranges;
}

double Encoder::train(Bytes sample) {
    std::uint64_t wanted = 0;
    for (const auto& [offset, size] : sample_ranges()) wanted += size;
    if (sample.size() != wanted) throw std::invalid_argument("sample has a wrong size");
    Training training = zipnn::train(state_->family, state_->level, state_->data_size / state_->width(),
                                     state_->plan, state_->rows, sample);
    state_->use(std::move(training.coder));
    return training.ratio;
}

void Encoder::set_stored() { state_->use({LayoutId::stored, 0, {}}); }

void Encoder::set_external(unsigned chunk_log2) {
    if (chunk_log2 < min_chunk_log2 || chunk_log2 > max_chunk_log2)
        throw std::invalid_argument("chunk_log2 is out of range");
    state_->use({LayoutId::zstd, 0, {}}, chunk_log2);
}

bool Encoder::encode(Bytes window, const PayloadSink& sink) {
    if (!state_->planes || state_->coder.layout == LayoutId::zstd)
        throw std::invalid_argument("encode comes after train");
    const std::uint64_t chunk = chunk_bytes();
    const std::uint64_t done = state_->chunks.entries.size() * chunk;
    if (done > state_->data_size || window.size() > state_->data_size - done ||
        (window.size() % chunk != 0 && done + window.size() != state_->data_size))
        throw std::invalid_argument("window has a wrong size");
    const std::size_t count = (window.size() + chunk - 1) / chunk;
    const bool coded = state_->coder.properties().planes != 0;
    std::vector<std::pair<std::size_t, std::uint64_t>> entries(count);
    Turns turns;
    parallel_for(count, state_->threads, [&](std::size_t i) {
        try {
            if (turns.given_up()) return;
            const Bytes data =
                window.subspan(i * chunk, std::min<std::uint64_t>(chunk, window.size() - i * chunk));
            thread_local std::vector<std::uint8_t> coding;
            coding.clear();
            if (coded) {
                const std::uint64_t first = (done + i * chunk) / state_->coder.properties().width;
                encode_chunk(*state_->planes, data, Place{first}, coding);
            }
            const Bytes payload = coded ? Bytes(coding) : data;
            entries[i] = {payload.size(), xxh3_64(data)};
            turns.take(i, [&] {
                std::uint8_t* target = sink(payload.size());
                if (target != nullptr) std::ranges::copy(payload, target);
                return target != nullptr;
            });
        } catch (...) {
            turns.give_up();
            throw;
        }
    });
    if (turns.given_up()) return false;
    for (const auto& [size, checksum] : entries) state_->note(size, checksum);
    return true;
}

void Encoder::note_external(std::uint64_t payload_size, Bytes original) {
    if (state_->coder.layout != LayoutId::zstd) throw std::invalid_argument("not an external coder");
    state_->note(payload_size, xxh3_64(original));
}

std::uint64_t Encoder::payload_size() const { return state_->payload_size; }

std::uint64_t Encoder::head_size(std::size_t dtype_length, const std::vector<std::uint64_t>& shape,
                                 std::size_t attachment) const {
    std::vector<std::uint8_t> section;
    write_coder(section, state_->coder);
    const std::uint64_t chunk = chunk_bytes();
    const std::uint64_t count = state_->data_size / chunk + (state_->data_size % chunk != 0 ? 1 : 0);
    return described_size(dtype_length, shape, attachment) + section.size() + chunk_entry_size * count;
}

std::vector<std::uint8_t> Encoder::head(const Description& description, std::uint64_t frame_size) const {
    return write_head(state_->coder, state_->chunks, description, frame_size, state_->data_size);
}

namespace {

/// The frame of a trained encoder, or nothing if it does not fit.
std::optional<std::uint64_t> finish(Encoder& encoder, Bytes data, const Description& description,
                                    std::uint64_t align, MutableBytes out) {
    const std::uint64_t head =
        encoder.head_size(description.dtype.size(), description.shape, description.attachment.size());
    if (head > out.size()) return std::nullopt;
    MutableBytes rest = out.subspan(head);
    const bool fits = encoder.encode(data, [&](std::size_t size) -> std::uint8_t* {
        if (size > rest.size()) return nullptr;
        std::uint8_t* target = rest.data();
        rest = rest.subspan(size);
        return target;
    });
    const std::uint64_t size = padded(head + encoder.payload_size(), align);
    if (!fits || size > out.size()) return std::nullopt;
    std::ranges::copy(encoder.head(description, size), out.begin());
    std::ranges::fill(out.subspan(head + encoder.payload_size(), size - head - encoder.payload_size()),
                      std::uint8_t{0});
    return size;
}

void check_align(std::uint64_t align) {
    if (align == 0 || align > max_align) throw std::invalid_argument("align is out of range");
}

}  // namespace

std::uint64_t stored_size(std::uint64_t data_size, const Description& description, std::uint64_t align) {
    check_align(align);
    Encoder encoder(Family::stored, data_size, Level::normal, 1);
    encoder.set_stored();
    return padded(data_size + encoder.head_size(description.dtype.size(), description.shape,
                                                description.attachment.size()),
                  align);
}

std::uint64_t compress(Bytes data, Family family, const Description& description, Level level,
                       std::uint64_t align, unsigned threads, MutableBytes out) {
    const std::uint64_t largest = stored_size(data.size(), description, align);
    if (out.size() < largest) throw std::invalid_argument("output is too small");
    Encoder encoder(family, data.size(), level, threads, description.shape);
    std::vector<std::uint8_t> sample;
    for (const auto& [offset, size] : encoder.sample_ranges()) append(sample, data.subspan(offset, size));
    encoder.train(sample);
    // A frame that is not smaller than the stored one is given up.
    if (const auto size = finish(encoder, data, description, align, out.first(largest - 1))) return *size;
    Encoder storing(Family::stored, data.size(), level, threads);
    storing.set_stored();
    return *finish(storing, data, description, align, out);
}

}  // namespace zipnn
