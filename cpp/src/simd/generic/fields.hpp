// SPDX-License-Identifier: MIT

/// Field kernels: elements <-> planes.
namespace zipnn::ZIPNN_TARGET {

// One struct a layout: the element type, the map to z and back, and whether an element is outside a window.

struct NoWindow {
    static constexpr bool windowed = false;
};

template <typename T>
struct Plain : NoWindow {
    using Element = T;
    static T forward(T x, T /*base*/) { return x; }
    static T inverse(T z, T /*base*/) { return z; }
};

template <typename T>
struct Zigzag : NoWindow {
    using Element = T;
    static constexpr int top = 8 * sizeof(T) - 1;
    static T forward(T x, T /*base*/) {
        return static_cast<T>(x << 1 ^ (static_cast<T>(x >> top) != 0 ? static_cast<T>(~T{0}) : T{0}));
    }
    static T inverse(T z, T /*base*/) {
        return static_cast<T>(z >> 1 ^ ((z & 1) != 0 ? static_cast<T>(~T{0}) : T{0}));
    }
};

struct Float8 : NoWindow {
    using Element = std::uint8_t;
    static Element forward(Element x, Element /*base*/) { return std::rotl(x, 1); }
    static Element inverse(Element z, Element /*base*/) { return std::rotr(z, 1); }
};

struct Float16 : NoWindow {
    using Element = std::uint16_t;
    static Element forward(Element x, Element /*base*/) { return std::rotl(x, 1); }
    static Element inverse(Element z, Element /*base*/) { return std::rotr(z, 1); }
};

/// Windowed exponent and three mantissa bits, then the other four and the sign.
struct Bfloat16w {
    static constexpr bool windowed = true;
    using Element = std::uint16_t;
    static constexpr unsigned first_offset = 8;  ///< exponent and 3 mantissa bits of the first in the window

    /// Exponent and three mantissa bits, less the base.
    static Element offset(Element x, Element base) {
        return static_cast<Element>((x >> 4 & 0x7ffU) - (static_cast<unsigned>(base) << 3));
    }
    static bool in_window(Element x, Element base) {
        return static_cast<Element>(offset(x, base) - first_offset) < 8 * window_exponents;
    }
    static bool outside(Element x, Element base) { return (x & 0x7f80U) != 0 && !in_window(x, base); }
    static Element forward(Element x, Element base) {
        const unsigned symbol = in_window(x, base) ? offset(x, base) : x >> 4 & 7U;
        return static_cast<Element>(symbol << 8 | (x & 0xfU) << 1 | x >> 15);
    }
    static Element inverse(Element z, Element base) {
        const unsigned symbol = z >> 8;
        const unsigned top = symbol < first_offset ? symbol : symbol + (static_cast<unsigned>(base) << 3);
        return static_cast<Element>(top << 4 | (z >> 1 & 0xfU) | (z & 1U) << 15);
    }
};

/// The upper half as `Upper`, the lower unchanged.
template <typename Upper>
struct Float32 {
    static constexpr bool windowed = Upper::windowed;
    using Element = std::uint32_t;
    static bool outside(Element x, Element base) {
        return Upper::outside(static_cast<std::uint16_t>(x >> 16), static_cast<std::uint16_t>(base));
    }
    static Element forward(Element x, Element base) {
        const auto upper =
            Upper::forward(static_cast<std::uint16_t>(x >> 16), static_cast<std::uint16_t>(base));
        return static_cast<Element>(upper) << 16 | (x & 0xffffU);
    }
    static Element inverse(Element z, Element base) {
        const auto upper =
            Upper::inverse(static_cast<std::uint16_t>(z >> 16), static_cast<std::uint16_t>(base));
        return static_cast<Element>(upper) << 16 | (z & 0xffffU);
    }
};

struct Float64 : NoWindow {
    using Element = std::uint64_t;
    static Element forward(Element x, Element base) { return std::rotl(std::rotl(x, 1) - (base << 53), 3); }
    static Element inverse(Element z, Element base) { return std::rotr(std::rotr(z, 3) + (base << 53), 1); }
};

// Elements go through small blocks of their own type, so that the compiler sees that nothing overlaps
// and vectorises each step.

constexpr std::size_t block_elements = 256;

template <typename Field>
bool split_as(std::uint16_t base, const std::uint8_t* elements, std::size_t n, std::uint8_t* const* planes) {
    using T = typename Field::Element;
    constexpr std::size_t width = sizeof(T);
    std::array<T, block_elements> block;
    bool outside = false;
    for (std::size_t first = 0; first < n; first += block_elements) {
        const std::size_t count = std::min(block_elements, n - first);
        for (std::size_t i = 0; i < count; ++i) {
            const T x = load_le<T>(elements + (first + i) * width);
            if constexpr (Field::windowed) outside |= Field::outside(x, static_cast<T>(base));
            block[i] = Field::forward(x, static_cast<T>(base));
        }
        for (std::size_t p = 0; p < width; ++p) {
            std::uint8_t* const plane = planes[p] + first;  // stores of bytes might change `planes`
            for (std::size_t i = 0; i < count; ++i)
                plane[i] = static_cast<std::uint8_t>(block[i] >> (8 * (width - 1 - p)));
        }
    }
    return outside;
}

template <typename Field>
void merge_as(std::uint16_t base, const std::uint8_t* const* planes, std::size_t n, std::uint8_t* elements) {
    using T = typename Field::Element;
    constexpr std::size_t width = sizeof(T);
    std::array<T, block_elements> block;
    for (std::size_t first = 0; first < n; first += block_elements) {
        const std::size_t count = std::min(block_elements, n - first);
        for (std::size_t i = 0; i < count; ++i)
            block[i] = static_cast<T>(static_cast<T>(planes[0][first + i]) << (8 * (width - 1)));
        for (std::size_t p = 1; p < width; ++p)
            for (std::size_t i = 0; i < count; ++i)
                block[i] =
                    static_cast<T>(block[i] | static_cast<T>(planes[p][first + i]) << (8 * (width - 1 - p)));
        for (std::size_t i = 0; i < count; ++i)
            store_le(elements + (first + i) * width, Field::inverse(block[i], static_cast<T>(base)));
    }
}

/// Calls `run` with the field struct of a layout that has planes.
template <typename Run>
void with_field(LayoutId id, Run run) {
    switch (id) {
        case LayoutId::bytes: return run(Plain<std::uint8_t>{});
        case LayoutId::split16: return run(Plain<std::uint16_t>{});
        case LayoutId::zigzag16: return run(Zigzag<std::uint16_t>{});
        case LayoutId::float16: return run(Float16{});
        case LayoutId::bfloat16w: return run(Bfloat16w{});
        case LayoutId::split32: return run(Plain<std::uint32_t>{});
        case LayoutId::zigzag32: return run(Zigzag<std::uint32_t>{});
        case LayoutId::float32: return run(Float32<Float16>{});
        case LayoutId::float32w: return run(Float32<Bfloat16w>{});
        case LayoutId::split64: return run(Plain<std::uint64_t>{});
        case LayoutId::zigzag64: return run(Zigzag<std::uint64_t>{});
        case LayoutId::float64: return run(Float64{});
        case LayoutId::float8: return run(Float8{});
        case LayoutId::stored:
        case LayoutId::zstd: return;
    }
}

inline bool split(LayoutId id, std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                  std::uint8_t* const* planes) {
    bool outside = false;
    with_field(id, [&](auto field) { outside = split_as<decltype(field)>(base, elements, n, planes); });
    return outside;
}

inline void merge(LayoutId id, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                  std::uint8_t* elements) {
    with_field(id, [&](auto field) { merge_as<decltype(field)>(base, planes, n, elements); });
}

}  // namespace zipnn::ZIPNN_TARGET
