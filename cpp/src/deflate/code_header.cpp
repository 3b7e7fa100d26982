// SPDX-License-Identifier: MIT
#include "deflate/code_header.hpp"

#include <array>

#include "deflate/alphabets.hpp"

namespace zipnn::deflate {
namespace {

constexpr std::uint8_t repeat = 16;      ///< the length before, 3 to 6 times
constexpr std::uint8_t few_zeros = 17;   ///< 3 to 10
constexpr std::uint8_t many_zeros = 18;  ///< 11 to 138

constexpr unsigned max_repeat = 6;
constexpr unsigned max_few_zeros = 10;
constexpr unsigned max_zeros = 138;

/// Those that are rarely needed come last.
constexpr std::array<std::uint8_t, length_symbols> order{16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                         11, 4,  12, 3, 13, 2, 14, 1, 15};

constexpr unsigned extra_bits(unsigned symbol) {
    return symbol == repeat ? 2 : symbol == few_zeros ? 3 : symbol == many_zeros ? 7 : 0;
}

}  // namespace

CodeHeader::CodeHeader(std::span<const std::uint8_t> literals, std::span<const std::uint8_t> distances)
    : literals_(literals.size()), distances_(distances.size()) {
    add_runs(literals);
    add_runs(distances);
    std::array<std::uint32_t, length_symbols> counts{};
    for (const Item& item : items_) ++counts[item.symbol];
    code_ = canonical_code(code_lengths(counts, max_length_code_bits), length_symbols);
    shown_ = length_symbols;
    while (shown_ > 4 && code_[order[shown_ - 1]].length == 0) --shown_;
}

/// zlib cuts runs so: equal lengths are gathered up to the most that one item can say, no run goes from one
/// code on into the other, and the first length of a run other than of zeros is written out.
void CodeHeader::add_runs(std::span<const std::uint8_t> lengths) {
    int before = -1;
    for (std::size_t at = 0; at < lengths.size();) {
        const unsigned length = lengths[at];
        const bool repeats = static_cast<int>(length) == before;
        const unsigned most = length == 0 ? max_zeros : repeats ? max_repeat : max_repeat + 1;
        unsigned count = 1;
        while (count < most && at + count < lengths.size() && lengths[at + count] == length) ++count;
        add_run(length, count, repeats);
        before = static_cast<int>(length);
        at += count;
    }
}

void CodeHeader::add_run(unsigned length, unsigned count, bool repeats) {
    const auto symbol = static_cast<std::uint8_t>(length);
    if (length != 0 && !repeats) {
        items_.push_back({symbol, 0});
        --count;
    }
    if (count < 3)
        items_.insert(items_.end(), count, {symbol, 0});
    else if (length != 0)
        items_.push_back({repeat, static_cast<std::uint8_t>(count - 3)});
    else if (count <= max_few_zeros)
        items_.push_back({few_zeros, static_cast<std::uint8_t>(count - 3)});
    else
        items_.push_back({many_zeros, static_cast<std::uint8_t>(count - 11)});
}

std::uint64_t CodeHeader::size() const {
    std::uint64_t bits = 5 + 5 + 4 + 3 * shown_;
    for (const Item& item : items_) bits += code_[item.symbol].length + extra_bits(item.symbol);
    return bits;
}

void CodeHeader::write(BitWriter& out) const {
    out.put(literals_ - 257, 5);
    out.put(distances_ - 1, 5);
    out.put(shown_ - 4, 4);
    for (unsigned i = 0; i < shown_; ++i) out.put(code_[order[i]].length, 3);
    for (const Item& item : items_) {
        out.put(code_[item.symbol].bits, code_[item.symbol].length);
        out.put(item.extra, extra_bits(item.symbol));
    }
}

}  // namespace zipnn::deflate
