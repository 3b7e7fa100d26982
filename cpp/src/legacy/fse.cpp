// SPDX-License-Identifier: MIT
#include "legacy/fse.hpp"

#include <algorithm>
#include <bit>

namespace zipnn::legacy {
namespace {

constexpr unsigned least_log = 5;

/// A string of bits that is read from the lowest bit of its first byte on.
class ForwardBits {
  public:
    explicit ForwardBits(Bytes bytes) : bytes_(bytes) {}

    unsigned peek(unsigned count) const {
        unsigned value = 0;
        for (unsigned i = 0; i < 4 && at_ / 8 + i < bytes_.size(); ++i)
            value |= static_cast<unsigned>(bytes_[at_ / 8 + i]) << (8 * i);
        return value >> at_ % 8 & ((1U << count) - 1);
    }
    void skip(unsigned count) {
        at_ += count;
        if (at_ > 8 * bytes_.size()) throw CorruptError("entropy table is truncated");
    }
    unsigned read(unsigned count) {
        const unsigned value = peek(count);
        skip(count);
        return value;
    }
    std::size_t bytes_used() const { return (at_ + 7) / 8; }

  private:
    Bytes bytes_;
    std::size_t at_ = 0;
};

/// A value from 0 to `left` + 1: the smaller ones take a bit less.
unsigned read_probability(ForwardBits& bits, unsigned left) {
    const auto width = static_cast<unsigned>(std::bit_width(left + 1));
    const unsigned threshold = (1U << width) - 2 - left, low = bits.peek(width - 1);
    if (low < threshold) {
        bits.skip(width - 1);
        return low;
    }
    const unsigned value = bits.read(width);
    return value < 1U << (width - 1) ? value : value - threshold;
}

}  // namespace

BackwardBits::BackwardBits(Bytes bytes) : bytes_(bytes), left_(0) {
    if (bytes.empty() || bytes.back() == 0) throw CorruptError("bit string has no end mark");
    left_ = static_cast<std::int64_t>(8 * bytes.size()) - std::countl_zero(bytes.back()) - 1;
}

std::uint64_t BackwardBits::read(unsigned count) {
    if (count == 0) return 0;
    left_ -= count;
    std::int64_t from = left_;
    unsigned shift = 0;
    if (from < 0) {
        shift = static_cast<unsigned>(std::min<std::int64_t>(-from, 63));
        from = 0;
    }
    const auto first = static_cast<std::size_t>(from / 8);
    std::uint64_t value = 0;
    if (first + 8 <= bytes_.size()) {
        value = load_le<std::uint64_t>(bytes_.data() + first);
    } else {
        for (std::size_t i = first; i < bytes_.size(); ++i)
            value |= static_cast<std::uint64_t>(bytes_[i]) << (8 * (i - first));
    }
    return (value >> from % 8 << shift) & ((std::uint64_t{1} << count) - 1);
}

void FseTable::read(Cursor& cursor, unsigned log_limit, unsigned largest_symbol) {
    Cursor rest = cursor;
    const Bytes bytes = rest.take(rest.left(), "entropy table");
    ForwardBits bits(bytes);
    const unsigned log = bits.read(4) + least_log;
    if (log > log_limit) throw CorruptError("entropy table is too fine");
    std::array<std::int16_t, 256> counts{};
    std::size_t symbols = 0;
    unsigned left = 1U << log;
    while (left > 0) {
        if (symbols > largest_symbol) throw CorruptError("entropy table has a wrong symbol");
        const int count = static_cast<int>(read_probability(bits, left)) - 1;
        counts[symbols++] = static_cast<std::int16_t>(count);
        if (count != 0) {
            const auto used = static_cast<unsigned>(count < 0 ? 1 : count);
            if (used > left) throw CorruptError("entropy table is more than full");
            left -= used;
            continue;
        }
        for (unsigned zeros = 3; zeros == 3;) {
            zeros = bits.read(2);
            symbols += zeros;
            if (symbols > largest_symbol) throw CorruptError("entropy table has a wrong symbol");
        }
    }
    build({counts.data(), symbols}, log);
    cursor.take(bits.bytes_used(), "entropy table");
}

void FseTable::build(std::span<const std::int16_t> counts, unsigned log) {
    log_ = log;
    const std::size_t size = std::size_t{1} << log, mask = size - 1, step = (size >> 1) + (size >> 3) + 3;
    std::array<std::uint16_t, 256> next{};
    std::size_t high = size;
    for (std::size_t symbol = 0; symbol < counts.size(); ++symbol) {
        next[symbol] = static_cast<std::uint16_t>(counts[symbol] < 0 ? 1 : counts[symbol]);
        if (counts[symbol] < 0) entries_[--high].symbol = static_cast<std::uint8_t>(symbol);
    }
    std::size_t at = 0;
    for (std::size_t symbol = 0; symbol < counts.size(); ++symbol) {
        for (int i = 0; i < counts[symbol]; ++i) {
            entries_[at].symbol = static_cast<std::uint8_t>(symbol);
            do at = (at + step) & mask;
            while (at >= high);
        }
    }
    for (std::size_t state = 0; state < size; ++state) {
        Entry& entry = entries_[state];
        const unsigned value = next[entry.symbol]++;
        entry.bits = static_cast<std::uint8_t>(log - static_cast<unsigned>(std::bit_width(value) - 1));
        entry.base = static_cast<std::uint16_t>((value << entry.bits) - size);
    }
}

void FseTable::repeat(std::uint8_t symbol) {
    log_ = 0;
    entries_[0] = {symbol, 0, 0};
}

}  // namespace zipnn::legacy
