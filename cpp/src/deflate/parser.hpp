// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "deflate/bit_writer.hpp"
#include "deflate/effort.hpp"
#include "deflate/tokens.hpp"
#include "deflate/window.hpp"

namespace zipnn::deflate {

/// Cuts the input into tokens and these into blocks.
class Parser {
  public:
    Parser(int level, int mem_level);

    /// Goes through the input as far as the level can decide on it; with `last` to its end.
    void parse(Bytes input, bool last, BitWriter& out);

  private:
    void parse_greedily(Bytes input, bool last, BitWriter& out);
    void parse_lazily(Bytes input, bool last, BitWriter& out);
    void end_block(bool last, BitWriter& out);

    const Effort& effort_;
    Window window_;
    Tokens tokens_;
    Match in_hand_;                 ///< lazy: at the place before
    bool literal_in_hand_ = false;  ///< lazy: the byte before is not yet a token
};

}  // namespace zipnn::deflate
