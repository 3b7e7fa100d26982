// SPDX-License-Identifier: MIT
#include "frame/context_decoder.hpp"

#include <algorithm>
#include <array>

#include "simd/kernels.hpp"

namespace zipnn {
namespace {

constexpr std::size_t lanes_size = 4 * rans_lanes;

/// Puts a bit below the seven of each symbol, eight at a time.
void add_low_bits(Bytes bits, std::size_t n, std::uint8_t* out) {
    constexpr std::uint64_t each = 0x0101010101010101U, bit_of_byte = 0x8040201008040201U;
    for (std::size_t i = 0; i < n / 8; ++i) {
        const std::uint64_t spread = ((bits[i] * each & bit_of_byte) + 0x7f * each) >> 7 & each;
        store_le(out + 8 * i, load_le<std::uint64_t>(out + 8 * i) << 1 | spread);
    }
    for (std::size_t i = n / 8 * 8; i < n; ++i)
        out[i] = static_cast<std::uint8_t>(out[i] << 1 | (bits[i / 8] >> i % 8 & 1));
    if (n % 8 != 0 && bits.back() >> n % 8 != 0) throw CorruptError("coded plane has stray bits");
}

}  // namespace

ContextDecoder::ContextDecoder(const ContextTable& table)
    : table_(table), slots_(table.contexts.size() * rans_total) {
    for (std::size_t i = 0; i < table.contexts.size(); ++i)
        build_slots(table.contexts[i], slots_.data() + i * rans_total);
    if (table.row_classes > 1) {
        row_slots_.resize(rans_total);
        build_slots(table.rows, row_slots_.data());
    }
}

std::vector<std::uint8_t> ContextDecoder::decode_rows(Bytes words, RansState& state,
                                                      std::size_t count) const {
    std::vector<std::uint8_t> classes(count);
    if (table_.row_classes == 1) return classes;
    const std::vector<std::uint8_t> context(count);
    if (!active_kernels().rans_decode(row_slots_.data(), context.data(), count, words, state, classes.data()))
        throw CorruptError("classes of rows are damaged");
    return classes;
}

void ContextDecoder::decode(Bytes payload, const Place& place, std::size_t n, std::uint8_t* out) const {
    const std::size_t low_size = table_.low_apart ? (n + 7) / 8 : 0;
    if (payload.size() < lanes_size + low_size) throw CorruptError("coded plane is too short");
    RansState state{};
    for (std::size_t i = 0; i < rans_lanes; ++i)
        state.lanes[i] = load_le<std::uint32_t>(payload.data() + 4 * i);
    if (std::ranges::any_of(state.lanes, [](auto lane) { return lane < rans_floor; }))
        throw CorruptError("coded plane has a wrong state");
    const Bytes words = payload.subspan(lanes_size, payload.size() - lanes_size - low_size);
    const std::uint64_t first = place.first;
    const auto rows =
        table_.by_base ? std::vector<std::uint8_t>() : decode_rows(words, state, table_.rows_of(first, n));
    std::array<std::uint8_t, tile_elements> contexts{};
    for (std::size_t done = 0; done < n; done += tile_elements) {
        const std::size_t count = std::min(tile_elements, n - done);
        if (table_.by_base) {
            const std::size_t width = place.base.size() / n;
            active_kernels().classify(*table_.by_base, width, place.base.data() + done * width, count,
                                      contexts.data());
        } else {
            const std::uint64_t row = (first + done) / table_.row_length - first / table_.row_length;
            table_.fill_contexts(first + done, count, rows.data() + row, contexts.data());
        }
        if (!active_kernels().rans_decode(slots_.data(), contexts.data(), count, words, state, out + done))
            throw CorruptError("coded plane is damaged");
    }
    if (state.at != words.size() ||
        std::ranges::any_of(state.lanes, [](auto lane) { return lane != rans_floor; }))
        throw CorruptError("coded plane is damaged");
    if (low_size != 0) add_low_bits(payload.last(low_size), n, out);
}

}  // namespace zipnn
