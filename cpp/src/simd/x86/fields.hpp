// SPDX-License-Identifier: MIT

/// Field kernels for 256-bit vectors, 32 elements a step. What is left over goes to the generic kernels.
namespace zipnn::ZIPNN_TARGET::x86 {

constexpr std::size_t step = 32;

inline __m256i load(const void* source) { return _mm256_loadu_si256(static_cast<const __m256i*>(source)); }
inline void store(void* target, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(target), value); }

/// Quadwords 0 2 1 3: what in-lane packing and interleaving need to keep elements in order.
inline __m256i cross(__m256i value) { return _mm256_permute4x64_epi64(value, 0xD8); }

inline __m256i rotl1(__m256i x) { return _mm256_or_si256(_mm256_slli_epi16(x, 1), _mm256_srli_epi16(x, 15)); }
inline __m256i rotr1(__m256i x) { return _mm256_or_si256(_mm256_srli_epi16(x, 1), _mm256_slli_epi16(x, 15)); }

/// 32 elements of 16 bits.
struct Words {
    __m256i low, high;
};

// A field maps 16 words to z and back; `outside` gathers elements outside a window.

struct RotateField {
    static __m256i forward(__m256i x, __m256i /*base*/, __m256i& /*outside*/) { return rotl1(x); }
    static __m256i inverse(__m256i z, __m256i /*base*/) { return rotr1(z); }
};

/// `base`: of the exponent, times 8.
struct WindowField {
    static __m256i forward(__m256i x, __m256i base, __m256i& outside) {
        const __m256i top = _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi16(0x7ff));
        const __m256i offset = _mm256_sub_epi16(top, base), seven = _mm256_set1_epi16(7);
        const __m256i place = _mm256_sub_epi16(offset, _mm256_set1_epi16(8));
        const __m256i within =
            _mm256_cmpeq_epi16(_mm256_min_epu16(place, _mm256_set1_epi16(8 * window_exponents - 1)), place);
        outside = _mm256_or_si256(outside, _mm256_andnot_si256(within, _mm256_cmpgt_epi16(top, seven)));
        const __m256i symbol = _mm256_blendv_epi8(_mm256_and_si256(top, seven), offset, within);
        const __m256i raw = _mm256_slli_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xf)), 1);
        return _mm256_or_si256(_mm256_slli_epi16(symbol, 8), _mm256_or_si256(raw, _mm256_srli_epi16(x, 15)));
    }
    static __m256i inverse(__m256i z, __m256i base) {
        const __m256i symbol = _mm256_srli_epi16(z, 8);
        const __m256i above = _mm256_and_si256(_mm256_cmpgt_epi16(symbol, _mm256_set1_epi16(7)), base);
        const __m256i raw = _mm256_and_si256(_mm256_srli_epi16(z, 1), _mm256_set1_epi16(0xf));
        return _mm256_or_si256(_mm256_slli_epi16(_mm256_add_epi16(symbol, above), 4),
                               _mm256_or_si256(raw, _mm256_slli_epi16(z, 15)));
    }
};

/// Upper and lower bytes of 32 words <-> two vectors of 32 bytes.
inline void store_bytes(Words words, std::uint8_t* upper, std::uint8_t* lower) {
    const __m256i mask = _mm256_set1_epi16(0xff);
    store(upper,
          cross(_mm256_packus_epi16(_mm256_srli_epi16(words.low, 8), _mm256_srli_epi16(words.high, 8))));
    store(lower,
          cross(_mm256_packus_epi16(_mm256_and_si256(words.low, mask), _mm256_and_si256(words.high, mask))));
}

inline Words load_bytes(const std::uint8_t* upper, const std::uint8_t* lower) {
    const __m256i u = cross(load(upper)), l = cross(load(lower));
    return {_mm256_unpacklo_epi8(l, u), _mm256_unpackhi_epi8(l, u)};
}

template <typename Field>
std::size_t split16(std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                    std::uint8_t* const* planes, bool& any_outside) {
    const __m256i shifted = _mm256_set1_epi16(static_cast<short>(base << 3));
    __m256i outside = _mm256_setzero_si256();
    std::size_t i = 0;
    for (; i + step <= n; i += step)
        store_bytes({Field::forward(load(elements + 2 * i), shifted, outside),
                     Field::forward(load(elements + 2 * i + 32), shifted, outside)},
                    planes[0] + i, planes[1] + i);
    any_outside = _mm256_testz_si256(outside, outside) == 0;
    return i;
}

template <typename Field>
std::size_t merge16(std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                    std::uint8_t* elements) {
    const __m256i shifted = _mm256_set1_epi16(static_cast<short>(base << 3));
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
        const Words z = load_bytes(planes[0] + i, planes[1] + i);
        store(elements + 2 * i, Field::inverse(z.low, shifted));
        store(elements + 2 * i + 32, Field::inverse(z.high, shifted));
    }
    return i;
}

/// Upper and lower words of 16 double words <-> two vectors of 16 words.
inline __m256i upper_words(__m256i x, __m256i y) {
    return cross(_mm256_packus_epi32(_mm256_srli_epi32(x, 16), _mm256_srli_epi32(y, 16)));
}

inline __m256i lower_words(__m256i x, __m256i y) {
    const __m256i mask = _mm256_set1_epi32(0xffff);
    return cross(_mm256_packus_epi32(_mm256_and_si256(x, mask), _mm256_and_si256(y, mask)));
}

inline void store_words(std::uint8_t* target, __m256i upper, __m256i lower) {
    const __m256i u = cross(upper), l = cross(lower);
    store(target, _mm256_unpacklo_epi16(l, u));
    store(target + 32, _mm256_unpackhi_epi16(l, u));
}

template <typename Field>
std::size_t split32(std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                    std::uint8_t* const* planes, bool& any_outside) {
    const __m256i shifted = _mm256_set1_epi16(static_cast<short>(base << 3));
    __m256i outside = _mm256_setzero_si256();
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
        const std::uint8_t* source = elements + 4 * i;
        const __m256i a = load(source), b = load(source + 32), c = load(source + 64), d = load(source + 96);
        store_bytes({Field::forward(upper_words(a, b), shifted, outside),
                     Field::forward(upper_words(c, d), shifted, outside)},
                    planes[0] + i, planes[1] + i);
        store_bytes({lower_words(a, b), lower_words(c, d)}, planes[2] + i, planes[3] + i);
    }
    any_outside = _mm256_testz_si256(outside, outside) == 0;
    return i;
}

template <typename Field>
std::size_t merge32(std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                    std::uint8_t* elements) {
    const __m256i shifted = _mm256_set1_epi16(static_cast<short>(base << 3));
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
        const Words upper = load_bytes(planes[0] + i, planes[1] + i);
        const Words lower = load_bytes(planes[2] + i, planes[3] + i);
        store_words(elements + 4 * i, Field::inverse(upper.low, shifted), lower.low);
        store_words(elements + 4 * i + 64, Field::inverse(upper.high, shifted), lower.high);
    }
    return i;
}

inline bool split(LayoutId id, std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                  std::uint8_t* const* planes) {
    std::size_t done = 0;
    bool outside = false;
    if (id == LayoutId::float16) done = split16<RotateField>(base, elements, n, planes, outside);
    if (id == LayoutId::bfloat16w) done = split16<WindowField>(base, elements, n, planes, outside);
    if (id == LayoutId::float32) done = split32<RotateField>(base, elements, n, planes, outside);
    if (id == LayoutId::float32w) done = split32<WindowField>(base, elements, n, planes, outside);
    const Layout& layout = layout_of(id);
    std::array<std::uint8_t*, max_planes> rest{};
    for (std::size_t p = 0; p < layout.planes; ++p) rest[p] = planes[p] + done;
    return ZIPNN_TARGET::split(id, base, elements + done * layout.width, n - done, rest.data()) || outside;
}

inline void merge(LayoutId id, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                  std::uint8_t* elements) {
    std::size_t done = 0;
    if (id == LayoutId::float16) done = merge16<RotateField>(base, planes, n, elements);
    if (id == LayoutId::bfloat16w) done = merge16<WindowField>(base, planes, n, elements);
    if (id == LayoutId::float32) done = merge32<RotateField>(base, planes, n, elements);
    if (id == LayoutId::float32w) done = merge32<WindowField>(base, planes, n, elements);
    const Layout& layout = layout_of(id);
    std::array<const std::uint8_t*, max_planes> rest{};
    for (std::size_t p = 0; p < layout.planes; ++p) rest[p] = planes[p] + done;
    ZIPNN_TARGET::merge(id, base, rest.data(), n - done, elements + done * layout.width);
}

}  // namespace zipnn::ZIPNN_TARGET::x86
