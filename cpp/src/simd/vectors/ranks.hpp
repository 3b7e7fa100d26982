// SPDX-License-Identifier: MIT

/// Ranks and extra bits: one `Vector` type looks bytes up and packs blocks (rank_steps.hpp,
/// x86/ranks512.hpp).
///
/// Vector::ByteTable(table).look_up(bytes) maps Vector::bytes bytes through a table of 256.
/// Vector::pack_block<bits>(values, packed) and unpack_block<bits> do 128 values.
namespace zipnn::ZIPNN_TARGET::vectors {

template <typename Vector>
void rank(const Ranking& ranking, unsigned shift, const std::uint8_t* symbols, std::size_t n,
          std::uint8_t* groups, std::uint8_t* extra) {
    const typename Vector::ByteTable ranks(ranking.rank.data());
    std::size_t i = 0;
    for (; i + Vector::bytes <= n; i += Vector::bytes)
        Vector::split_rank(ranks.look_up(Vector::load(symbols + i)), ranking.extra_bits, shift, groups + i,
                           extra + i);
    ZIPNN_TARGET::rank(ranking, shift, symbols + i, n - i, groups + i, extra + i);
}

template <typename Vector>
void unrank(const Ranking& ranking, unsigned shift, const std::uint8_t* groups, const std::uint8_t* extra,
            std::size_t n, std::uint8_t* symbols) {
    const typename Vector::ByteTable by_rank(ranking.symbols.data());
    std::size_t i = 0;
    for (; i + Vector::bytes <= n; i += Vector::bytes)
        Vector::store(symbols + i,
                      by_rank.look_up(Vector::join_rank(groups + i, extra + i, ranking.extra_bits, shift)));
    ZIPNN_TARGET::unrank(ranking, shift, groups + i, extra + i, n - i, symbols + i);
}

template <typename Vector, unsigned bits>
void pack_blocks(const std::uint8_t* values, std::size_t n, std::uint8_t* packed) {
    for (; n >= packed_block; n -= packed_block, values += packed_block, packed += 16 * bits)
        Vector::template pack_block<bits>(values, packed);
    ZIPNN_TARGET::pack(bits, values, n, packed);
}

template <typename Vector>
void pack(unsigned bits, const std::uint8_t* values, std::size_t n, std::uint8_t* packed) {
    switch (bits) {
        case 1: return pack_blocks<Vector, 1>(values, n, packed);
        case 2: return pack_blocks<Vector, 2>(values, n, packed);
        case 3: return pack_blocks<Vector, 3>(values, n, packed);
        case 4: return pack_blocks<Vector, 4>(values, n, packed);
        default: return pack_blocks<Vector, 5>(values, n, packed);
    }
}

template <typename Vector, unsigned bits>
void unpack_blocks(const std::uint8_t* packed, std::size_t n, std::uint8_t* values) {
    for (; n >= packed_block; n -= packed_block, values += packed_block, packed += 16 * bits)
        Vector::template unpack_block<bits>(packed, values);
    ZIPNN_TARGET::unpack(bits, packed, n, values);
}

template <typename Vector>
void unpack(unsigned bits, const std::uint8_t* packed, std::size_t n, std::uint8_t* values) {
    switch (bits) {
        case 1: return unpack_blocks<Vector, 1>(packed, n, values);
        case 2: return unpack_blocks<Vector, 2>(packed, n, values);
        case 3: return unpack_blocks<Vector, 3>(packed, n, values);
        case 4: return unpack_blocks<Vector, 4>(packed, n, values);
        default: return unpack_blocks<Vector, 5>(packed, n, values);
    }
}

}  // namespace zipnn::ZIPNN_TARGET::vectors
