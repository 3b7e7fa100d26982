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

struct RotateField {
    static __m256i forward(__m256i x, __m256i /*base*/) { return rotl1(x); }
    static __m256i inverse(__m256i z, __m256i /*base*/) { return rotr1(z); }
};

struct WindowField {
    static __m256i forward(__m256i x, __m256i base) { return rotl1(_mm256_sub_epi16(rotl1(x), base)); }
    static __m256i inverse(__m256i z, __m256i base) { return rotr1(_mm256_add_epi16(rotr1(z), base)); }
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
                    std::uint8_t* const* planes) {
    const __m256i shifted = _mm256_set1_epi16(static_cast<short>(base << 7));
    std::size_t i = 0;
    for (; i + step <= n; i += step)
        store_bytes({Field::forward(load(elements + 2 * i), shifted),
                     Field::forward(load(elements + 2 * i + 32), shifted)},
                    planes[0] + i, planes[1] + i);
    return i;
}

template <typename Field>
std::size_t merge16(std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                    std::uint8_t* elements) {
    const __m256i shifted = _mm256_set1_epi16(static_cast<short>(base << 7));
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
                    std::uint8_t* const* planes) {
    const __m256i shifted = _mm256_set1_epi16(static_cast<short>(base << 7));
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
        const std::uint8_t* source = elements + 4 * i;
        const __m256i a = load(source), b = load(source + 32), c = load(source + 64), d = load(source + 96);
        store_bytes({Field::forward(upper_words(a, b), shifted), Field::forward(upper_words(c, d), shifted)},
                    planes[0] + i, planes[1] + i);
        store_bytes({lower_words(a, b), lower_words(c, d)}, planes[2] + i, planes[3] + i);
    }
    return i;
}

template <typename Field>
std::size_t merge32(std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                    std::uint8_t* elements) {
    const __m256i shifted = _mm256_set1_epi16(static_cast<short>(base << 7));
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
        const Words upper = load_bytes(planes[0] + i, planes[1] + i);
        const Words lower = load_bytes(planes[2] + i, planes[3] + i);
        store_words(elements + 4 * i, Field::inverse(upper.low, shifted), lower.low);
        store_words(elements + 4 * i + 64, Field::inverse(upper.high, shifted), lower.high);
    }
    return i;
}

inline void split(LayoutId id, std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                  std::uint8_t* const* planes) {
    std::size_t done = 0;
    if (id == LayoutId::float16) done = split16<RotateField>(base, elements, n, planes);
    if (id == LayoutId::bfloat16x) done = split16<WindowField>(base, elements, n, planes);
    if (id == LayoutId::float32) done = split32<RotateField>(base, elements, n, planes);
    if (id == LayoutId::float32x) done = split32<WindowField>(base, elements, n, planes);
    const Layout& layout = layout_of(id);
    std::array<std::uint8_t*, max_planes> rest{};
    for (std::size_t p = 0; p < layout.planes; ++p) rest[p] = planes[p] + done;
    ZIPNN_TARGET::split(id, base, elements + done * layout.width, n - done, rest.data());
}

inline void merge(LayoutId id, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                  std::uint8_t* elements) {
    std::size_t done = 0;
    if (id == LayoutId::float16) done = merge16<RotateField>(base, planes, n, elements);
    if (id == LayoutId::bfloat16x) done = merge16<WindowField>(base, planes, n, elements);
    if (id == LayoutId::float32) done = merge32<RotateField>(base, planes, n, elements);
    if (id == LayoutId::float32x) done = merge32<WindowField>(base, planes, n, elements);
    const Layout& layout = layout_of(id);
    std::array<const std::uint8_t*, max_planes> rest{};
    for (std::size_t p = 0; p < layout.planes; ++p) rest[p] = planes[p] + done;
    ZIPNN_TARGET::merge(id, base, rest.data(), n - done, elements + done * layout.width);
}

inline void pack7(const std::uint8_t* plane, std::size_t n, std::uint8_t* packed) {
    const __m128i one = _mm_set1_epi8(1);
    for (; n >= 128; n -= 128, plane += 128, packed += 112) {
        __m128i last = _mm_loadu_si128(reinterpret_cast<const __m128i*>(plane + 112));
        for (std::size_t g = 0; g < 7; ++g) {
            last = _mm_srli_epi16(last, 1);  // the bit in question is bit 0 of each byte now
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(plane + 16 * g));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(packed + 16 * g),
                             _mm_or_si128(bytes, _mm_and_si128(last, one)));
        }
    }
    ZIPNN_TARGET::pack7(plane, n, packed);
}

inline void unpack7(const std::uint8_t* packed, std::size_t n, std::uint8_t* plane) {
    const __m128i one = _mm_set1_epi8(1);
    for (; n >= 128; n -= 128, plane += 128, packed += 112) {
        __m128i last = _mm_setzero_si128();
        for (std::size_t g = 7; g-- > 0;) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed + 16 * g));
            last = _mm_add_epi8(_mm_add_epi8(last, last), _mm_and_si128(bytes, one));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(plane + 16 * g), _mm_andnot_si128(one, bytes));
        }
        _mm_storeu_si128(reinterpret_cast<__m128i*>(plane + 112), _mm_add_epi8(last, last));
    }
    ZIPNN_TARGET::unpack7(packed, n, plane);
}

}  // namespace zipnn::ZIPNN_TARGET::x86
