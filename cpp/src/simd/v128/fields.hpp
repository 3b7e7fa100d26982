// SPDX-License-Identifier: MIT

/// Field kernels for 128-bit vectors, 16 elements a step. What is left over goes to the generic kernels.
namespace zipnn::ZIPNN_TARGET::v128 {

constexpr std::size_t step = 16;

// A field maps 8 words to z and back; `outside` gathers elements outside a window.

struct RotateField {
    static V forward(V x, V /*base*/, V& /*outside*/) { return either(left16<1>(x), right16<15>(x)); }
    static V inverse(V z, V /*base*/) { return either(right16<1>(z), left16<15>(z)); }
};

/// `base`: of the exponent, times 8.
struct WindowField {
    static V forward(V x, V base, V& outside) {
        const V top = both(right16<4>(x), fill16(0x7ff)), seven = fill16(7);
        const V offset = subtract16(top, base), place = subtract16(offset, fill16(8));
        const V within = equal16(min16(place, fill16(8 * window_exponents - 1)), place);
        outside = either(outside, without(greater16(top, seven), within));
        const V symbol = select(within, offset, both(top, seven));
        const V raw = either(left16<1>(both(x, fill16(0xf))), right16<15>(x));
        return either(left16<8>(symbol), raw);
    }
    static V inverse(V z, V base) {
        const V symbol = right16<8>(z);
        const V top = add16(symbol, both(greater16(symbol, fill16(7)), base));
        const V raw = either(both(right16<1>(z), fill16(0xf)), left16<15>(z));
        return either(left16<4>(top), raw);
    }
};

/// 16 elements of 16 bits.
struct Words {
    V low, high;
};

inline void store_bytes(Words z, std::uint8_t* upper, std::uint8_t* lower) {
    store(upper, odd_bytes(z.low, z.high));
    store(lower, even_bytes(z.low, z.high));
}

inline Words load_bytes(const std::uint8_t* upper, const std::uint8_t* lower) {
    const V u = load(upper), l = load(lower);
    return {interleave_low8(l, u), interleave_high8(l, u)};
}

template <typename Field>
std::size_t split16(std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                    std::uint8_t* const* planes, bool& any_outside) {
    const V shifted = fill16(base * 8U);
    V outside = fill8(0);
    std::size_t i = 0;
    for (; i + step <= n; i += step)
        store_bytes({Field::forward(load(elements + 2 * i), shifted, outside),
                     Field::forward(load(elements + 2 * i + 16), shifted, outside)},
                    planes[0] + i, planes[1] + i);
    any_outside = any(outside);
    return i;
}

template <typename Field>
std::size_t merge16(std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                    std::uint8_t* elements) {
    const V shifted = fill16(base * 8U);
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
        const Words z = load_bytes(planes[0] + i, planes[1] + i);
        store(elements + 2 * i, Field::inverse(z.low, shifted));
        store(elements + 2 * i + 16, Field::inverse(z.high, shifted));
    }
    return i;
}

template <typename Field>
std::size_t split32(std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                    std::uint8_t* const* planes, bool& any_outside) {
    const V shifted = fill16(base * 8U);
    V outside = fill8(0);
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
        const std::uint8_t* source = elements + 4 * i;
        const V a = load(source), b = load(source + 16), c = load(source + 32), d = load(source + 48);
        store_bytes({Field::forward(odd_words(a, b), shifted, outside),
                     Field::forward(odd_words(c, d), shifted, outside)},
                    planes[0] + i, planes[1] + i);
        store_bytes({even_words(a, b), even_words(c, d)}, planes[2] + i, planes[3] + i);
    }
    any_outside = any(outside);
    return i;
}

template <typename Field>
std::size_t merge32(std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                    std::uint8_t* elements) {
    const V shifted = fill16(base * 8U);
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
        const Words z = load_bytes(planes[0] + i, planes[1] + i);
        const Words lower = load_bytes(planes[2] + i, planes[3] + i);
        const Words upper = {Field::inverse(z.low, shifted), Field::inverse(z.high, shifted)};
        std::uint8_t* target = elements + 4 * i;
        store(target, interleave_low16(lower.low, upper.low));
        store(target + 16, interleave_high16(lower.low, upper.low));
        store(target + 32, interleave_low16(lower.high, upper.high));
        store(target + 48, interleave_high16(lower.high, upper.high));
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

}  // namespace zipnn::ZIPNN_TARGET::v128
