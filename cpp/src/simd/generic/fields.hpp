// SPDX-License-Identifier: MIT

/// Field kernels: elements <-> planes, and the packing of 7-bit planes.
namespace zipnn::ZIPNN_TARGET {

// One struct a layout: the element type and the bijection to z and back.

template <typename T>
struct Plain {
    using Element = T;
    static T forward(T x, T /*base*/) { return x; }
    static T inverse(T z, T /*base*/) { return z; }
};

template <typename T>
struct Zigzag {
    using Element = T;
    static constexpr int top = 8 * sizeof(T) - 1;
    static T forward(T x, T /*base*/) {
        return static_cast<T>(x << 1 ^ (static_cast<T>(x >> top) != 0 ? static_cast<T>(~T{0}) : T{0}));
    }
    static T inverse(T z, T /*base*/) {
        return static_cast<T>(z >> 1 ^ ((z & 1) != 0 ? static_cast<T>(~T{0}) : T{0}));
    }
};

struct Float16 {
    using Element = std::uint16_t;
    static Element forward(Element x, Element /*base*/) { return std::rotl(x, 1); }
    static Element inverse(Element z, Element /*base*/) { return std::rotr(z, 1); }
};

struct Bfloat16x {
    using Element = std::uint16_t;
    static Element forward(Element x, Element base) {
        return std::rotl(static_cast<Element>(std::rotl(x, 1) - static_cast<Element>(base << 7)), 1);
    }
    static Element inverse(Element z, Element base) {
        return std::rotr(static_cast<Element>(std::rotr(z, 1) + static_cast<Element>(base << 7)), 1);
    }
};

/// The upper half as `Upper`, the lower unchanged.
template <typename Upper>
struct Float32 {
    using Element = std::uint32_t;
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

struct Float64 {
    using Element = std::uint64_t;
    static Element forward(Element x, Element base) { return std::rotl(std::rotl(x, 1) - (base << 53), 3); }
    static Element inverse(Element z, Element base) { return std::rotr(std::rotr(z, 3) + (base << 53), 1); }
};

// Elements go through small blocks of their own type, so that the compiler sees that nothing overlaps
// and vectorises each step.

constexpr std::size_t block_elements = 256;

template <typename Field>
void split_as(std::uint16_t base, const std::uint8_t* elements, std::size_t n, std::uint8_t* const* planes) {
    using T = typename Field::Element;
    constexpr std::size_t width = sizeof(T);
    std::array<T, block_elements> block;
    for (std::size_t first = 0; first < n; first += block_elements) {
        const std::size_t count = std::min(block_elements, n - first);
        for (std::size_t i = 0; i < count; ++i)
            block[i] = Field::forward(load_le<T>(elements + (first + i) * width), static_cast<T>(base));
        for (std::size_t p = 0; p < width; ++p)
            for (std::size_t i = 0; i < count; ++i)
                planes[p][first + i] = static_cast<std::uint8_t>(block[i] >> (8 * (width - 1 - p)));
    }
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
        case LayoutId::bfloat16x: return run(Bfloat16x{});
        case LayoutId::split32: return run(Plain<std::uint32_t>{});
        case LayoutId::zigzag32: return run(Zigzag<std::uint32_t>{});
        case LayoutId::float32: return run(Float32<Float16>{});
        case LayoutId::float32x: return run(Float32<Bfloat16x>{});
        case LayoutId::split64: return run(Plain<std::uint64_t>{});
        case LayoutId::zigzag64: return run(Zigzag<std::uint64_t>{});
        case LayoutId::float64: return run(Float64{});
        case LayoutId::stored:
        case LayoutId::zstd: return;
    }
}

inline void split(LayoutId id, std::uint16_t base, const std::uint8_t* elements, std::size_t n,
                  std::uint8_t* const* planes) {
    with_field(id, [&](auto field) { split_as<decltype(field)>(base, elements, n, planes); });
}

inline void merge(LayoutId id, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
                  std::uint8_t* elements) {
    with_field(id, [&](auto field) { merge_as<decltype(field)>(base, planes, n, elements); });
}

inline void pack7(const std::uint8_t* plane, std::size_t n, std::uint8_t* packed) {
    std::array<std::uint8_t, 128> block;
    for (; n >= 128; n -= 128, plane += 128, packed += 112) {
        std::copy_n(plane, 128, block.begin());
        for (std::size_t g = 0; g < 7; ++g)
            for (std::size_t j = 0; j < 16; ++j)
                block[16 * g + j] =
                    static_cast<std::uint8_t>(block[16 * g + j] | (block[112 + j] >> (g + 1) & 1));
        std::copy_n(block.begin(), 112, packed);
    }
    for (std::size_t i = 0; i < n; ++i) packed[i] = plane[i];
}

inline void unpack7(const std::uint8_t* packed, std::size_t n, std::uint8_t* plane) {
    std::array<std::uint8_t, 128> block;
    for (; n >= 128; n -= 128, plane += 128, packed += 112) {
        std::copy_n(packed, 112, block.begin());
        std::fill_n(block.begin() + 112, 16, std::uint8_t{0});
        for (std::size_t g = 0; g < 7; ++g) {
            for (std::size_t j = 0; j < 16; ++j) {
                const std::uint8_t byte = block[16 * g + j];
                block[112 + j] = static_cast<std::uint8_t>(block[112 + j] | (byte & 1) << (g + 1));
                block[16 * g + j] = byte & 0xfe;
            }
        }
        std::copy_n(block.begin(), 128, plane);
    }
    for (std::size_t i = 0; i < n; ++i) plane[i] = packed[i];
}

}  // namespace zipnn::ZIPNN_TARGET
