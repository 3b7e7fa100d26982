// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "legacy/codecs.hpp"
#include "legacy/header.hpp"
#include "simd/kernels.hpp"
#include "zipnn/pool.hpp"

namespace zipnn::legacy {
namespace {

using Planes = std::array<std::vector<std::uint8_t>, 4>;

std::vector<std::uint8_t> decode_part(const Parts& parts, std::size_t index, Bytes bytes) {
    std::uint64_t begin = parts.begin;
    for (std::size_t i = 0; i < index; ++i) begin += parts.parts[i].size;
    const Bytes stored = bytes.subspan(begin, parts.parts[index].size);
    if (!parts.parts[index].coded) return {stored.begin(), stored.end()};
    return decode_with(parts.codec, stored);
}

/// Deals the planes' bytes out again: as many of each, or one more of the first ones.
std::vector<std::uint8_t> interleave(const Planes& planes, bool even) {
    std::size_t size = 0;
    for (const auto& plane : planes) size += plane.size();
    for (std::size_t p = 0; p < 4; ++p)
        if (planes[p].size() != size / 4 + (!even && p < size % 4 ? 1 : 0))
            throw CorruptError("planes do not fit each other");
    std::vector<std::uint8_t> out(size);
    const std::array sources = {planes[3].data(), planes[2].data(), planes[1].data(), planes[0].data()};
    active_kernels().merge(LayoutId::split32, 0, sources.data(), size / 4, out.data());
    for (std::size_t at = size / 4 * 4; at < size; ++at) out[at] = planes[at % 4][at / 4];
    return out;
}

/// Numbers of four bytes, of which `width` are there.
std::vector<std::uint8_t> widen(std::vector<std::uint8_t> data, std::size_t width) {
    if (width == 4) return data;
    if (data.size() % width != 0) throw CorruptError("data are not a whole number of elements");
    std::vector<std::uint8_t> out(data.size() / width * 4);
    for (std::size_t i = 0; i < data.size(); ++i) out[i / width * 4 + i % width] = data[i];
    return out;
}

/// The float32 nearest to q / 2^factor for each integer q of `size` bytes.
std::vector<std::uint8_t> scale(const std::vector<std::uint8_t>& data, std::size_t size, unsigned factor) {
    std::vector<std::uint8_t> out(data.size() / size * 4);
    for (std::size_t i = 0; i < data.size() / size; ++i) {
        const std::uint8_t* at = data.data() + i * size;
        const auto number = size == 4 ? static_cast<std::int32_t>(load_le<std::uint32_t>(at))
                                      : static_cast<std::int16_t>(load_le<std::uint16_t>(at));
        const float value = std::ldexp(static_cast<float>(number), -static_cast<int>(factor));
        store_le(out.data() + 4 * i, std::bit_cast<std::uint32_t>(value));
    }
    return out;
}

}  // namespace

std::vector<std::uint8_t> decode_parts(const Frame& frame, Bytes bytes, unsigned threads) {
    const auto& parts = std::get<Parts>(frame.body);
    if (bytes.size() != frame.frame_size) throw std::invalid_argument("frame has another size");
    Planes decoded;
    parallel_for(parts.parts.size(), threads, [&](std::size_t i) {
        try {
            decoded[i] = decode_part(parts, i, bytes);
        } catch (const CorruptError& error) {
            throw CorruptError("plane " + std::to_string(i) + ": " + error.what());
        }
    });
    std::vector<std::uint8_t> data = parts.parts.size() == 4
                                         ? interleave(decoded, parts.even)
                                         : widen(std::move(decoded[0]), parts.stored_bytes);
    undo_move(parts.move, data);
    if (parts.integers != 0) data = scale(data, parts.integers, parts.scale);
    if (frame.shape && data.size() != shape_size(frame))
        throw CorruptError("data are not a tensor of the frame's shape");
    return data;
}

}  // namespace zipnn::legacy
