// SPDX-License-Identifier: MIT
#include "deflate/block.hpp"

#include <algorithm>

#include "deflate/code_header.hpp"
#include "deflate/prefix_code.hpp"

namespace zipnn::deflate {
namespace {

enum Form : std::uint8_t { stored = 0, fixed = 1, dynamic = 2 };

struct Codes {
    std::vector<CodeWord> literals;
    std::vector<CodeWord> distances;
};

Codes make_codes(std::span<const std::uint8_t> literals, std::span<const std::uint8_t> distances) {
    return {canonical_code(literals, literal_symbols), canonical_code(distances, distance_symbols)};
}

/// RFC 1951, 3.2.6.
const Codes& fixed_codes() {
    static const Codes codes = [] {
        std::array<std::uint8_t, 288> literals{};
        std::fill(literals.begin(), literals.begin() + 144, std::uint8_t{8});
        std::fill(literals.begin() + 144, literals.begin() + 256, std::uint8_t{9});
        std::fill(literals.begin() + 256, literals.begin() + 280, std::uint8_t{7});
        std::fill(literals.begin() + 280, literals.end(), std::uint8_t{8});
        std::array<std::uint8_t, distance_symbols> distances{};
        distances.fill(5);
        return make_codes(literals, distances);
    }();
    return codes;
}

/// What the tokens and the end of the block take in these codes, in bits.
std::uint64_t cost(const Tokens& tokens, const Codes& codes) {
    std::uint64_t bits = 0;
    for (unsigned symbol = 0; symbol < literal_symbols; ++symbol)
        bits +=
            std::uint64_t{tokens.literals()[symbol]} * (codes.literals[symbol].length + length_extra(symbol));
    for (unsigned symbol = 0; symbol < distance_symbols; ++symbol)
        bits += std::uint64_t{tokens.distances()[symbol]} *
                (codes.distances[symbol].length + distance_extra(symbol));
    return bits;
}

void write_head(BitWriter& out, Form form, bool last) { out.put((form << 1U) | (last ? 1U : 0U), 3); }

/// One run of bits with the code word and the extra bits behind it.
struct Bits {
    std::uint64_t value = 0;
    unsigned count = 0;

    void add(std::uint64_t more, unsigned size) {
        value |= more << count;
        count += size;
    }
    void add(const CodeWord& word, const Extended& symbol) {
        add(word.bits, word.length);
        add(symbol.value, symbol.bits);
    }
};

void write_tokens(BitWriter& out, const Tokens& tokens, const Codes& codes) {
    for (const Token& token : tokens.all()) {
        if (token.distance == 0) {
            const CodeWord& word = codes.literals[token.value];
            out.put(word.bits, word.length);
            continue;
        }
        const Extended length = extended_length(token.value);
        const Extended distance = extended_distance(token.distance);
        Bits bits;
        bits.add(codes.literals[length.symbol], length);
        bits.add(codes.distances[distance.symbol], distance);
        out.put(bits.value, bits.count);
    }
    const CodeWord& end = codes.literals[end_of_block];
    out.put(end.bits, end.length);
}

void write_stored(BitWriter& out, Bytes bytes) {
    const auto size = static_cast<std::uint16_t>(bytes.size());
    out.align();
    out.put(size, 16);
    out.put(static_cast<std::uint16_t>(~size), 16);
    out.append(bytes);
}

}  // namespace

void write_block(BitWriter& out, const Tokens& tokens, std::uint64_t size, std::optional<Bytes> bytes,
                 bool last) {
    const auto literals = code_lengths(tokens.literals(), max_code_bits);
    const auto distances = code_lengths(tokens.distances(), max_code_bits);
    const CodeHeader header(literals, distances);
    const Codes own = make_codes(literals, distances);
    // zlib compares whole bytes, with the three bits of the block's head.
    const std::uint64_t own_size = (3 + header.size() + cost(tokens, own) + 7) / 8;
    const std::uint64_t fixed_size = (3 + cost(tokens, fixed_codes()) + 7) / 8;
    const std::uint64_t coded_size = std::min(own_size, fixed_size);
    out.make_room(8 * coded_size + 64);
    if (bytes && size + 4 <= coded_size) {
        write_head(out, stored, last);
        write_stored(out, *bytes);
    } else if (fixed_size <= own_size) {
        write_head(out, fixed, last);
        write_tokens(out, tokens, fixed_codes());
    } else {
        write_head(out, dynamic, last);
        header.write(out);
        write_tokens(out, tokens, own);
    }
    if (last) out.align();
}

}  // namespace zipnn::deflate
