// SPDX-License-Identifier: MIT
#include "deflate/parser.hpp"

#include "deflate/block.hpp"

namespace zipnn::deflate {
namespace {

constexpr Match no_match{min_match - 1, 0};
/// A match of three bytes takes more bits than three literals if it lies farther away, or so zlib thinks.
constexpr unsigned max_short_distance = 4096;

}  // namespace

Parser::Parser(int level, int mem_level)
    : effort_(effort_of(level)),
      window_(static_cast<unsigned>(mem_level) + 7),
      tokens_(std::size_t{64} << mem_level),
      in_hand_(no_match) {}

void Parser::parse(Bytes input, bool last, BitWriter& out) {
    if (effort_.greedy)
        parse_greedily(input, last, out);
    else
        parse_lazily(input, last, out);
}

void Parser::parse_greedily(Bytes input, bool last, BitWriter& out) {
    while (window_.ready(input, last)) {
        const unsigned place = window_.place();
        const unsigned candidate = window_.candidate();
        const Match match = candidate == 0 ? no_match : window_.longest(candidate, no_match.length, effort_);
        if (match.length < min_match) {
            tokens_.add_literal(window_.byte_at(place));
            window_.pass(1);
        } else {
            tokens_.add_match(match.distance, match.length);
            if (match.length <= effort_.patience)
                window_.pass_chaining(match.length);
            else
                window_.pass(match.length);
        }
        if (tokens_.full()) end_block(false, out);
    }
    if (last) end_block(true, out);
}

/// A match is taken once the next place turns out to have no longer one; until then it is in hand, and so
/// is the byte there, which becomes a literal otherwise.
void Parser::parse_lazily(Bytes input, bool last, BitWriter& out) {
    while (window_.ready(input, last)) {
        const unsigned place = window_.place();
        const unsigned candidate = window_.candidate();
        Match match = no_match;
        if (candidate != 0 && in_hand_.length < effort_.patience) {
            match = window_.longest(candidate, in_hand_.length, effort_);
            if (match.length == min_match && match.distance > max_short_distance) match = no_match;
        }
        if (in_hand_.length >= min_match && match.length <= in_hand_.length) {
            tokens_.add_match(in_hand_.distance, in_hand_.length);
            window_.pass_chaining(in_hand_.length - 1);
            in_hand_ = no_match;
            literal_in_hand_ = false;
            if (tokens_.full()) end_block(false, out);
            continue;
        }
        if (literal_in_hand_) {
            tokens_.add_literal(window_.byte_at(place - 1));
            if (tokens_.full()) end_block(false, out);
        }
        in_hand_ = match;
        literal_in_hand_ = true;
        window_.pass(1);
    }
    if (!last) return;
    if (literal_in_hand_) tokens_.add_literal(window_.byte_at(window_.place() - 1));
    end_block(true, out);
}

void Parser::end_block(bool last, BitWriter& out) {
    write_block(out, tokens_, window_.block_size(), window_.block(), last);
    window_.begin_block();
    tokens_.clear();
}

}  // namespace zipnn::deflate
