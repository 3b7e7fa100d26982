// SPDX-License-Identifier: MIT
#include "legacy/zstd_sequences.hpp"

#include <algorithm>

#include "legacy/codecs.hpp"

/// Sequences of Zstandard (RFC 8878, 3.1.1.3.2).
namespace zipnn::legacy {
namespace {

constexpr const char* what = "Zstandard block";

struct LengthCode {
    std::uint32_t base;
    std::uint8_t bits;
};

// RFC 8878, tables 16 and 17, the codes that are not their own length.
constexpr std::array<LengthCode, 20> literal_codes = {{
    {16, 1},    {18, 1},    {20, 1},    {22, 1},     {24, 2},     {28, 2},     {32, 3},
    {40, 3},    {48, 4},    {64, 6},    {128, 7},    {256, 8},    {512, 9},    {1024, 10},
    {2048, 11}, {4096, 12}, {8192, 13}, {16384, 14}, {32768, 15}, {65536, 16},
}};
constexpr std::array<LengthCode, 21> match_codes = {{
    {35, 1},    {37, 1},    {39, 1},    {41, 1},    {43, 2},     {47, 2},     {51, 3},
    {59, 3},    {67, 4},    {83, 4},    {99, 5},    {131, 7},    {259, 8},    {515, 9},
    {1027, 10}, {2051, 11}, {4099, 12}, {8195, 13}, {16387, 14}, {32771, 15}, {65539, 16},
}};

constexpr unsigned first_literal_code = 16, first_match_code = 32, least_match = 3;

// RFC 8878, appendix A: the distributions of blocks that bring none.
constexpr std::array<std::int16_t, 36> literal_counts = {4, 3, 2, 2, 2, 2, 2, 2, 2,  2,  2,  2,
                                                         2, 1, 1, 1, 2, 2, 2, 2, 2,  2,  2,  2,
                                                         2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
constexpr std::array<std::int16_t, 29> offset_counts = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1,  1,  1,  1,  1, 1,
                                                        1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};
constexpr std::array<std::int16_t, 53> match_counts = {
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1,  1,  1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1};

struct Kind {
    std::span<const std::int16_t> counts;
    unsigned log;        ///< of the table made of these
    unsigned log_limit;  ///< of another one
    unsigned largest;    ///< code
};
constexpr std::array<Kind, 3> kinds = {{
    {literal_counts, 6, 9, 35},
    {offset_counts, 5, 8, 31},
    {match_counts, 6, 9, 52},
}};

template <std::size_t size>
std::uint64_t length_of(unsigned code, unsigned first, unsigned least,
                        const std::array<LengthCode, size>& codes, BackwardBits& bits) {
    if (code < first) return code + least;
    const LengthCode& entry = codes[code - first];
    return entry.base + bits.read(entry.bits);
}

std::size_t read_count(Cursor& cursor) {
    const std::size_t head = cursor.read<std::uint8_t>(what);
    if (head < 128) return head;
    if (head < 255) return ((head - 128) << 8) + cursor.read<std::uint8_t>(what);
    return std::size_t{cursor.read<std::uint16_t>(what)} + 0x7f00;
}

}  // namespace

void ZstdSequences::read_tables(Cursor& cursor) {
    const auto modes = cursor.read<std::uint8_t>(what);
    if ((modes & 3) != 0) throw CorruptError("Zstandard block has unknown modes");
    for (std::size_t i = 0; i < 3; ++i) {
        const Kind& kind = kinds[i];
        Table& table = tables_[i];
        switch (modes >> (6 - 2 * i) & 3) {
            case 0: table.fse.build(kind.counts, kind.log); break;
            case 1: {
                const auto symbol = cursor.read<std::uint8_t>(what);
                if (symbol > kind.largest) throw CorruptError("Zstandard block has a wrong code");
                table.fse.repeat(symbol);
                break;
            }
            case 2: table.fse.read(cursor, kind.log_limit, kind.largest); break;
            default:
                if (!table.set) throw CorruptError("Zstandard block repeats a table that is not there");
        }
        table.set = true;
    }
}

/// The distance that an offset code means; it is then the most recent one.
std::uint64_t ZstdSequences::resolve(std::uint64_t code, bool no_literals) {
    if (code > 3) {
        recent_ = {code - 3, recent_[0], recent_[1]};
        return recent_[0];
    }
    const std::size_t index = static_cast<std::size_t>(code) - 1 + (no_literals ? 1 : 0);
    const std::uint64_t offset = index == 3 ? recent_[0] - 1 : recent_[index];
    if (index >= 2) recent_[2] = recent_[1];
    if (index >= 1) recent_[1] = recent_[0];
    recent_[0] = offset;
    return offset;
}

void ZstdSequences::decode(Cursor& cursor, Bytes literals, std::size_t limit,
                           std::vector<std::uint8_t>& out) {
    const std::size_t count = read_count(cursor), end = out.size() + limit;
    Cursor rest(literals);
    if (count != 0) {
        read_tables(cursor);
        BackwardBits bits(cursor.take(cursor.left(), what));
        std::array<const FseTable::Entry*, 3> states{};
        for (std::size_t i = 0; i < 3; ++i) states[i] = &tables_[i].fse.at(bits.read(tables_[i].fse.log()));
        for (std::size_t i = 0; i < count; ++i) {
            const unsigned offset_bits = states[1]->symbol;
            const std::uint64_t offset = (std::uint64_t{1} << offset_bits) + bits.read(offset_bits);
            const std::uint64_t match =
                length_of(states[2]->symbol, first_match_code, least_match, match_codes, bits);
            const std::uint64_t before =
                length_of(states[0]->symbol, first_literal_code, 0, literal_codes, bits);
            if (i + 1 < count)
                for (const std::size_t next : {0, 2, 1})
                    states[next] = &tables_[next].fse.next(*states[next], bits);
            if (bits.overrun()) throw CorruptError("Zstandard block: sequences are truncated");
            if (before + match > end - out.size()) throw CorruptError("Zstandard block is too long");
            append(out, rest.take(before, what));
            append_match(out, resolve(offset, before == 0), match);
        }
        if (bits.left() != 0) throw CorruptError("Zstandard block: sequences are not used up");
    }
    if (rest.left() > end - out.size()) throw CorruptError("Zstandard block is too long");
    append(out, rest.take(rest.left(), what));
}

}  // namespace zipnn::legacy
