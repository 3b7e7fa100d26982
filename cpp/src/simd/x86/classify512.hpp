// SPDX-License-Identifier: MIT

/// Classes of keys by a table of 256 bytes in four registers.
namespace zipnn::ZIPNN_TARGET::x86 {

inline void classify(const BaseClasses& classes, std::size_t width, const std::uint8_t* base, std::size_t n,
                     std::uint8_t* contexts) {
    std::array<std::uint8_t, 256> table{};
    for (std::size_t k = 0; k + 1U < classes.count; ++k)
        for (std::size_t key = classes.last_keys[k] + 1U; key < table.size(); ++key) ++table[key];
    __m512i parts[4];
    for (std::size_t i = 0; i < 4; ++i) parts[i] = _mm512_loadu_si512(table.data() + 64 * i);
    alignas(64) std::array<std::uint8_t, key_step> keys{};
    for (std::size_t first = 0; first < n; first += key_step) {
        const std::size_t count = std::min(key_step, n - first);
        take_keys(classes.shift, width, base + first * width, count, keys.data());
        for (std::size_t i = 0; i < count; i += 64) {
            const __m512i key = _mm512_load_si512(keys.data() + i);
            const __m512i low = _mm512_permutex2var_epi8(parts[0], key, parts[1]);
            const __m512i high = _mm512_permutex2var_epi8(parts[2], key, parts[3]);
            const __mmask64 wanted = ~std::uint64_t{0} >> (64 - std::min<std::size_t>(64, count - i));
            _mm512_mask_storeu_epi8(contexts + first + i, wanted,
                                    _mm512_mask_blend_epi8(_mm512_movepi8_mask(key), low, high));
        }
    }
}

}  // namespace zipnn::ZIPNN_TARGET::x86
