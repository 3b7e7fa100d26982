// SPDX-License-Identifier: MIT

/// Layered kernels: one `Vector` type does the steps that depend on the width (layered_steps.hpp,
/// x86/avx512.hpp).
///
/// Vector::encode_block(ranks, packed, escaped) codes 128 ranks of a level, writes those of 3 and more, less
/// 3, to `escaped` (with up to 64 bytes behind them) and returns how many they are.
///
/// Vector::Ranks(table).look_up(symbols, ranks) gives the ranks of Vector::Ranks::step symbols, 0 for unseen
/// ones, and whether there were any; Vector::Ranks::suits(table) whether it can.
///
/// Vector::decode_block(packed, symbols, escaped, out) decodes 128 elements of a level and returns how many
/// of them were escaped; it may read 64 bytes from `escaped`.
///
/// Vector::decode_level_d and encode_level_d do what the generic ones do.
namespace zipnn::ZIPNN_TARGET::vectors {

/// A level's symbols with room for whole vectors behind them.
using Level = std::array<std::uint8_t, tile_elements + 128>;

/// `ahead`: what is read after this; null if nothing is known.
template <typename Vector>
void decode_level(const std::uint8_t* packed, std::size_t n, const std::uint8_t* symbols,
                  const std::uint8_t* escaped, std::uint8_t* out, const std::uint8_t* ahead = nullptr) {
    const typename Vector::Symbols by_code = Vector::symbols(symbols);
    std::size_t first = 0;
    for (; first + 128 <= n; first += 128) {
        if (ahead != nullptr) prefetch(ahead + first / 2);
        escaped += Vector::decode_block(packed + first / 4, by_code, escaped, out + first);
    }
    ZIPNN_TARGET::decode_level(packed + first / 4, n - first, symbols, escaped, out + first);
}

template <typename Vector>
bool layered_decode(const LayeredTable& table, const TileIn& tile) {
    ZIPNN_TARGET::LayeredSections sections;
    if (!ZIPNN_TARGET::find_sections(tile, sections, Vector::count_threes)) return false;
    Level level_d, level_c, level_b;
    const std::uint8_t* symbols = table.symbols.data();
    Vector::decode_level_d(sections.d, sections.n_d, ZIPNN_TARGET::level_d_symbols(table).data(),
                           level_d.data());
    level_d[sections.n_d] = level_c[sections.n_c] = level_b[sections.n_b] = 0;
    decode_level<Vector>(sections.c, sections.n_c, symbols + 6, level_d.data(), level_c.data());
    decode_level<Vector>(sections.b, sections.n_b, symbols + 3, level_c.data(), level_b.data());
    // The next tile's payload follows.
    decode_level<Vector>(sections.a, tile.elements, symbols, level_b.data(), tile.target,
                         tile.source + tile.size);
    return true;
}

/// Ranks of the symbols, 0 for unseen ones.
template <typename Vector>
void rank_symbols(const LayeredTable& table, const std::uint8_t* symbols, std::size_t n, std::uint8_t* ranks,
                  UnseenMap& unseen) {
    std::size_t i = 0;
    const auto is_unseen = [&](std::size_t at) { return table.rank[symbols[at]] == LayeredTable::unseen; };
    if (Vector::Ranks::suits(table)) {
        const typename Vector::Ranks lookup(table);
        for (; i + Vector::Ranks::step <= n; i += Vector::Ranks::step)
            if (lookup.look_up(symbols + i, ranks + i))
                for (std::size_t at = i; at < i + Vector::Ranks::step; ++at)
                    add_unseen(unseen, at, is_unseen(at) ? 1 : 0);
    }
    for (; i < n; ++i) {
        add_unseen(unseen, i, is_unseen(i) ? 1 : 0);
        ranks[i] = is_unseen(i) ? std::uint8_t{0} : table.rank[symbols[i]];
    }
}

template <typename Vector>
std::size_t encode_level(const std::uint8_t* ranks, std::size_t n, std::uint8_t* packed,
                         std::uint8_t* escaped) {
    std::size_t count = 0, first = 0;
    for (; first + 128 <= n; first += 128)
        count += Vector::encode_block(ranks + first, packed + first / 4, escaped + count);
    return count + ZIPNN_TARGET::encode_level(ranks + first, n - first, packed + first / 4, escaped + count);
}

template <typename Vector>
std::size_t layered_encode(const LayeredTable& table, const std::uint8_t* symbols, std::size_t n,
                           std::uint8_t* target, UnseenMap& unseen) {
    Level ranks_a, ranks_b, ranks_c, ranks_d;
    std::array<std::uint8_t, tile_elements / 4 + 32> a, b, c;
    rank_symbols<Vector>(table, symbols, n, ranks_a.data(), unseen);
    const std::size_t n_b = encode_level<Vector>(ranks_a.data(), n, a.data(), ranks_b.data());
    const std::size_t n_c = encode_level<Vector>(ranks_b.data(), n_b, b.data(), ranks_c.data());
    const std::size_t n_d = encode_level<Vector>(ranks_c.data(), n_c, c.data(), ranks_d.data());
    const std::uint8_t* out = ZIPNN_TARGET::join_levels(
        Bytes(c).first(codes2_size(n_c)), Bytes(b).first(codes2_size(n_b)), Bytes(a).first(codes2_size(n)),
        Vector::encode_level_d(ranks_d.data(), n_d, target));
    return static_cast<std::size_t>(out - target);
}

}  // namespace zipnn::ZIPNN_TARGET::vectors
