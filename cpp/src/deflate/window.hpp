// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "bytes.hpp"
#include "deflate/effort.hpp"

namespace zipnn::deflate {

constexpr unsigned min_match = 3;
constexpr unsigned max_match = 258;
constexpr unsigned window_size = 32768;
/// So much input lies ahead before a place is looked at, unless the input ends: a match, and one more to
/// follow at the next place.
constexpr unsigned min_ahead = max_match + min_match + 1;
constexpr unsigned max_distance = window_size - min_ahead;

struct Match {
    unsigned length;
    unsigned distance;
};

/// Two windows of input, the older one of what is coded already, and chains of the places in them whose
/// three bytes have the same hash.
///
/// Places count from the start of the older window; place 0 doubles as "none", so nothing is ever found
/// there. When the places are nearly used up, everything slides down by a window. All of this shows in
/// the stream, as do collisions of the hash, which count as candidates.
class Window {
  public:
    explicit Window(unsigned hash_bits);

    unsigned place() const { return place_; }
    unsigned ahead() const { return end_ - place_; }
    std::uint8_t byte_at(unsigned place) const { return data_[place]; }

    /// Makes the next place ready to be looked at, with bytes from the front of `input`. False where
    /// there is none: at the end, or because more input has to come first.
    bool ready(Bytes& input, bool last) { return ahead() >= min_ahead || refill(input, last); }

    /// Puts this place on its chain, and gives the latest place on it that is near enough, or 0.
    unsigned candidate() {
        if (ahead() < min_match) return 0;
        const unsigned found = chain(place_);
        return found != 0 && place_ - found <= max_distance ? found : 0;
    }

    /// The longest match from `candidate` on down its chain, the nearest of those; of the length `known`
    /// if none is longer than that.
    Match longest(unsigned candidate, unsigned known, const Effort& effort) const;

    /// Goes on by `count` places without putting those on the way on their chains.
    void pass(unsigned count) { place_ += count; }

    /// Goes on by `count` places, and puts those in between on their chains.
    void pass_chaining(unsigned count) {
        const unsigned stop = std::min(place_ + count, end_ - (min_match - 1));
        for (unsigned place = place_ + 1; place < stop; ++place) chain(place);
        place_ += count;
    }

    /// What lies between the start of the block and this place.
    std::uint64_t block_size() const { return static_cast<std::uint64_t>(std::int64_t{place_} - block_); }
    /// That itself, if all of it is still there.
    std::optional<Bytes> block() const;
    /// Begins the next block at this place.
    void begin_block() { block_ = place_; }

  private:
    static constexpr unsigned capacity = 2 * window_size;
    static constexpr unsigned link_mask = window_size - 1;

    bool refill(Bytes& input, bool last);
    void append(Bytes& input);
    void slide();

    unsigned chain(unsigned place) {
        const std::uint8_t* bytes = data_.data() + place;
        const unsigned hash =
            (unsigned{bytes[0]} << 2 * hash_shift_ ^ unsigned{bytes[1]} << hash_shift_ ^ bytes[2]) &
            hash_mask_;
        const std::uint16_t before = heads_[hash];
        links_[place & link_mask] = before;
        heads_[hash] = static_cast<std::uint16_t>(place);
        return before;
    }

    unsigned hash_shift_;
    unsigned hash_mask_;
    unsigned place_ = 0;
    unsigned end_ = 0;  ///< of the input so far
    std::int64_t block_ = 0;
    std::vector<std::uint16_t> heads_;                ///< by hash: the latest place
    std::array<std::uint16_t, window_size> links_{};  ///< by place modulo the size: the one before it
    std::array<std::uint8_t, capacity + max_match + 16>
        data_{};  ///< matches are compared a bit beyond the end
};

}  // namespace zipnn::deflate
