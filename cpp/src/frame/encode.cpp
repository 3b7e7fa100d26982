// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <stdexcept>
#include <unordered_map>

#include "frame/coder.hpp"
#include "frame/head.hpp"
#include "frame/plane_decoder.hpp"
#include "frame/plane_encoder.hpp"
#include "frame/train.hpp"
#include "simd/kernels.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/frame.hpp"
#include "zipnn/pool.hpp"

namespace zipnn {
namespace {

/// Positions of elements whose plane 0 overflows into bit 0 of plane 1.
std::vector<std::uint32_t> find_overflows(Bytes plane) {
    std::vector<std::uint32_t> positions;
    for (std::size_t first = 0; first < plane.size(); first += tile_elements) {
        const Bytes part = plane.subspan(first, std::min(tile_elements, plane.size() - first));
        std::uint8_t any = 0;
        for (const std::uint8_t byte : part) any |= byte;
        if ((any & 1) == 0) continue;
        for (std::size_t i = 0; i < part.size(); ++i)
            if ((part[i] & 1) != 0) positions.push_back(static_cast<std::uint32_t>(first + i));
    }
    return positions;
}

void encode_packed7(Bytes plane, std::vector<std::uint8_t>& out) {
    out.push_back(static_cast<std::uint8_t>(PlaneMode::packed7));
    const std::size_t at = out.size();
    out.resize(at + packed7_size(plane.size()));
    active_kernels().pack7(plane.data(), plane.size(), out.data() + at);
}

/// Planes 0 and 1 of a layout whose plane 0 may overflow.
void encode_overflowing(const PlaneEncoder& encoder, Bytes symbols, MutableBytes raw,
                        std::vector<std::uint8_t>& out) {
    auto overflows = find_overflows(raw);
    // Four bytes for each, against a bit for every element.
    const bool pack = encoder.coder().planes[1].empty() && 4 * overflows.size() < raw.size() / 8;
    if (!pack) overflows.clear();
    encoder.encode(0, symbols, overflows, out);
    if (!pack) return encoder.encode(1, raw, {}, out);
    for (const std::uint32_t at : overflows) raw[at] &= 0xfe;
    encode_packed7(raw, out);
}

std::vector<std::uint8_t> encode_chunk(const PlaneEncoder& encoder, Bytes chunk) {
    const Coder& coder = encoder.coder();
    const Layout& layout = coder.properties();
    if (layout.planes == 0) return {chunk.begin(), chunk.end()};
    const std::size_t n = chunk.size() / layout.width;
    std::array<std::uint8_t*, max_planes> planes{};
    auto& scratch = thread_scratch();
    for (std::size_t p = 0; p < layout.planes; ++p) planes[p] = scratch[p].reserve(n);
    active_kernels().split(coder.layout, coder.base, chunk.data(), n, planes.data());
    std::vector<std::uint8_t> out;
    std::size_t p = 0;
    if (layout.overflow) {
        encode_overflowing(encoder, {planes[0], n}, {planes[1], n}, out);
        p = 2;
    }
    for (; p < layout.planes; ++p) encoder.encode(p, {planes[p], n}, {}, out);
    append(out, chunk.subspan(n * layout.width));
    return out;
}

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
    static const std::unordered_map<std::string, Level> levels = {{"fast", Level::fast},
                                                                  {"default", Level::normal}};
    return named(levels, name, "level");
}

Family family_of(const std::string& name) {
    static const std::unordered_map<std::string, Family> families = {
        {"stored", Family::stored},     {"bytes", Family::bytes},     {"int16", Family::int16},
        {"int32", Family::int32},       {"int64", Family::int64},     {"uint16", Family::uint16},
        {"uint32", Family::uint32},     {"uint64", Family::uint64},   {"float16", Family::float16},
        {"bfloat16", Family::bfloat16}, {"float32", Family::float32}, {"float64", Family::float64},
    };
    return named(families, name, "family");
}

struct Encoder::State {
    Family family;
    std::uint64_t data_size;
    Level level;
    unsigned threads;
    SamplePlan plan;
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

Encoder::Encoder(Family family, std::uint64_t data_size, Level level, unsigned threads)
    : state_(std::make_unique<State>(State{family, data_size, level, threads, {}, {}, {}})) {
    state_->plan = plan_sample(data_size / state_->width(), state_->width());
}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;

std::uint64_t Encoder::chunk_bytes() const { return state_->chunk_bytes(); }

std::vector<std::pair<std::uint64_t, std::uint64_t>> Encoder::sample_ranges() const {
    auto ranges = state_->plan.ranges;
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
                                     state_->plan, sample);
    state_->use(std::move(training.coder));
    return training.ratio;
}

void Encoder::set_stored() { state_->use({LayoutId::stored, 0, {}}); }

void Encoder::set_external(unsigned chunk_log2) {
    if (chunk_log2 < min_chunk_log2 || chunk_log2 > max_chunk_log2)
        throw std::invalid_argument("chunk_log2 is out of range");
    state_->use({LayoutId::zstd, 0, {}}, chunk_log2);
}

std::vector<std::vector<std::uint8_t>> Encoder::encode(Bytes window) {
    if (!state_->planes || state_->coder.layout == LayoutId::zstd)
        throw std::invalid_argument("encode comes after train");
    const std::uint64_t chunk = chunk_bytes();
    const std::uint64_t done = state_->chunks.entries.size() * chunk;
    if (done > state_->data_size || window.size() > state_->data_size - done ||
        (window.size() % chunk != 0 && done + window.size() != state_->data_size))
        throw std::invalid_argument("window has a wrong size");
    const std::size_t count = (window.size() + chunk - 1) / chunk;
    std::vector<std::vector<std::uint8_t>> payloads(count);
    std::vector<std::uint64_t> checksums(count);
    parallel_for(count, state_->threads, [&](std::size_t i) {
        const Bytes data =
            window.subspan(i * chunk, std::min<std::uint64_t>(chunk, window.size() - i * chunk));
        payloads[i] = encode_chunk(*state_->planes, data);
        checksums[i] = xxh3_64(data);
    });
    for (std::size_t i = 0; i < count; ++i) state_->note(payloads[i].size(), checksums[i]);
    return payloads;
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

Frame finish(Encoder encoder, Bytes data, const Description& description, std::uint64_t align) {
    Frame frame;
    frame.payloads = encoder.encode(data);
    const std::uint64_t head =
        encoder.head_size(description.dtype.size(), description.shape, description.attachment.size());
    frame.size = padded(head + encoder.payload_size(), align);
    frame.head = encoder.head(description, frame.size);
    return frame;
}

}  // namespace

Frame compress(Bytes data, Family family, const Description& description, Level level, std::uint64_t align,
               unsigned threads) {
    if (align == 0 || align > max_align) throw std::invalid_argument("align is out of range");
    Encoder encoder(family, data.size(), level, threads);
    std::vector<std::uint8_t> sample;
    for (const auto& [offset, size] : encoder.sample_ranges()) append(sample, data.subspan(offset, size));
    encoder.train(sample);
    Frame frame = finish(std::move(encoder), data, description, align);
    if (frame.size < data.size()) return frame;
    Encoder storing(Family::stored, data.size(), level, threads);
    storing.set_stored();
    Frame stored = finish(std::move(storing), data, description, align);
    return frame.size < stored.size ? std::move(frame) : std::move(stored);
}

}  // namespace zipnn
