// SPDX-License-Identifier: MIT

/// Layered kernels: one `Vector` type does the steps that depend on the width (see avx2.cpp, avx512.cpp).
///
/// Vector::decode_block(packed, symbols, escaped, out) decodes 128 elements of a level and returns how many of
/// them were escaped; it may read 64 bytes from `escaped`.
namespace zipnn::ZIPNN_TARGET::x86 {

/// A level's symbols with room for whole vectors behind them.
using Level = std::array<std::uint8_t, tile_elements + 128>;

template <typename Vector>
void decode_level(const std::uint8_t* packed, std::size_t n, const std::uint8_t* symbols,
                  const std::uint8_t* escaped, std::uint8_t* out) {
    const typename Vector::Symbols by_code = Vector::symbols(symbols);
    std::size_t first = 0;
    for (; first + 128 <= n; first += 128)
        escaped += Vector::decode_block(packed + first / 4, by_code, escaped, out + first);
    ZIPNN_TARGET::decode_level(packed + first / 4, n - first, symbols, escaped, out + first);
}

template <typename Vector>
bool layered_decode(const LayeredTable& table, const TileIn& tile) {
    ZIPNN_TARGET::LayeredSections sections;
    if (!ZIPNN_TARGET::find_sections(tile, sections)) return false;
    Level level_d, level_c, level_b;
    const std::uint8_t* symbols = table.symbols.data();
    ZIPNN_TARGET::decode_level_d(sections, symbols, level_d.data());
    level_d[sections.n_d] = level_c[sections.n_c] = level_b[sections.n_b] = 0;
    decode_level<Vector>(sections.c, sections.n_c, symbols + 6, level_d.data(), level_c.data());
    decode_level<Vector>(sections.b, sections.n_b, symbols + 3, level_c.data(), level_b.data());
    decode_level<Vector>(sections.a, tile.elements, symbols, level_b.data(), tile.target);
    return true;
}

}  // namespace zipnn::ZIPNN_TARGET::x86
