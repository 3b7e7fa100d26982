// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "deflate/alphabets.hpp"

namespace zipnn::deflate {

/// A literal (distance 0) or a match.
struct Token {
    std::uint16_t distance;
    std::uint16_t value;  ///< the literal, or the match's length
};

/// Those of a block, and how often it has each symbol.
class Tokens {
  public:
    explicit Tokens(std::size_t capacity) : capacity_(capacity) {
        tokens_.reserve(capacity);
        clear();
    }

    void add_literal(std::uint8_t byte) {
        tokens_.push_back({0, byte});
        ++literals_[byte];
    }
    void add_match(unsigned distance, unsigned length) {
        tokens_.push_back({static_cast<std::uint16_t>(distance), static_cast<std::uint16_t>(length)});
        ++literals_[extended_length(length).symbol];
        ++distances_[extended_distance(distance).symbol];
    }
    void clear() {
        tokens_.clear();
        literals_.fill(0);
        distances_.fill(0);
        literals_[end_of_block] = 1;
    }

    /// Whether the block has to end. The last one of a stream may have a token more.
    bool full() const { return tokens_.size() >= capacity_ - 1; }
    std::span<const Token> all() const { return tokens_; }
    std::span<const std::uint32_t> literals() const { return literals_; }
    std::span<const std::uint32_t> distances() const { return distances_; }

  private:
    std::size_t capacity_;
    std::vector<Token> tokens_;
    std::array<std::uint32_t, literal_symbols> literals_;
    std::array<std::uint32_t, distance_symbols> distances_;
};

}  // namespace zipnn::deflate
