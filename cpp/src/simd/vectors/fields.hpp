// SPDX-License-Identifier: MIT

/// Field kernels, V::bytes elements a step. What is left over goes to the generic kernels.
namespace zipnn::ZIPNN_TARGET::vectors {

// Maps of numbers to their z and back. `outside` gathers those outside a window.

template <typename V>
struct Same {
    using Value = typename V::Value;
    explicit Same(std::uint16_t /*base*/) {}
    static Value forward(Value x) { return x; }
    static Value inverse(Value z) { return z; }
    static bool any_outside() { return false; }
};

template <typename V>
struct Rotate8 : Same<V> {
    using Same<V>::Same;
    using Value = typename V::Value;
    static Value forward(Value x) {
        return V::either(V::add8(x, x), V::both(V::template shr16<7>(x), V::set8(1)));
    }
    static Value inverse(Value z) {
        return V::either(V::both(V::template shr16<1>(z), V::set8(0x7f)),
                         V::both(V::template shl16<7>(z), V::set8(0x80)));
    }
};

template <typename V>
struct Rotate16 : Same<V> {
    using Same<V>::Same;
    using Value = typename V::Value;
    static Value forward(Value x) { return V::either(V::template shl16<1>(x), V::template shr16<15>(x)); }
    static Value inverse(Value z) { return V::either(V::template shr16<1>(z), V::template shl16<15>(z)); }
};

/// The upper half of the windowed layouts.
template <typename V>
class Window16 {
  public:
    using Value = typename V::Value;
    explicit Window16(std::uint16_t base) : base_(V::set16(static_cast<unsigned>(base) << 3)) {}

    Value forward(Value x) {
        const Value top = V::both(V::template shr16<4>(x), V::set16(0x7ff));
        const Value offset = V::sub16(top, base_), place = V::sub16(offset, V::set16(8));
        const Value within = V::equal16(V::min16(place, V::set16(8 * window_exponents - 1)), place);
        const Value low = V::both(top, V::set16(7));
        outside_ = V::either(outside_, V::without(V::differ(top, low), within));
        const Value symbol = V::select(within, offset, low);
        const Value raw = V::template shl16<1>(V::both(x, V::set16(0xf)));
        return V::either(V::template shl16<8>(symbol), V::either(raw, V::template shr16<15>(x)));
    }
    Value inverse(Value z) const {
        const Value symbol = V::template shr16<8>(z);
        const Value first = V::equal16(V::both(symbol, V::set16(0xf8)), V::set16(0));
        const Value raw = V::both(V::template shr16<1>(z), V::set16(0xf));
        return V::either(V::template shl16<4>(V::add16(symbol, V::without(base_, first))),
                         V::either(raw, V::template shl16<15>(z)));
    }
    bool any_outside() const { return V::any(outside_); }

  private:
    Value base_, outside_ = V::set8(0);
};

template <typename V>
struct Zigzag16 : Same<V> {
    using Same<V>::Same;
    using Value = typename V::Value;
    static Value forward(Value x) { return V::differ(V::template shl16<1>(x), V::sign16(x)); }
    static Value inverse(Value z) {
        return V::differ(V::template shr16<1>(z), V::sign16(V::template shl16<15>(z)));
    }
};

template <typename V>
struct Zigzag32 : Same<V> {
    using Same<V>::Same;
    using Value = typename V::Value;
    static Value forward(Value x) { return V::differ(V::template shl32<1>(x), V::sign32(x)); }
    static Value inverse(Value z) {
        return V::differ(V::template shr32<1>(z), V::sign32(V::template shl32<31>(z)));
    }
};

template <typename V>
struct Zigzag64 : Same<V> {
    using Same<V>::Same;
    using Value = typename V::Value;
    static Value forward(Value x) { return V::differ(V::template shl64<1>(x), V::sign64(x)); }
    static Value inverse(Value z) {
        return V::differ(V::template shr64<1>(z), V::sign64(V::template shl64<63>(z)));
    }
};

template <typename V>
class Double : public Same<V> {
  public:
    using Value = typename V::Value;
    explicit Double(std::uint16_t base) : Same<V>(base), base_(V::set64(std::uint64_t{base} << 53)) {}

    Value forward(Value x) const { return rotate<3>(V::sub64(rotate<1>(x), base_)); }
    Value inverse(Value z) const { return rotate<63>(V::add64(rotate<61>(z), base_)); }

  private:
    template <int n>
    static Value rotate(Value x) {
        return V::either(V::template shl64<n>(x), V::template shr64<64 - n>(x));
    }
    Value base_;
};

/// A layout: `Whole` maps elements of `width` bytes, then `Top` their upper 16 bits.
template <typename V, std::size_t width, typename Whole, typename Top = Same<V>>
class Field {
  public:
    using Value = typename V::Value;
    explicit Field(std::uint16_t base) : whole_(base), top_(base) {}

    /// Returns how many elements were whole steps.
    std::size_t split(const std::uint8_t* elements, std::size_t n, std::uint8_t* const* planes) {
        std::size_t i = 0;
        for (; i + V::bytes <= n; i += V::bytes) {
            Value z[width];
            for (std::size_t k = 0; k < width; ++k)
                z[k] = whole_.forward(V::load(elements + i * width + k * V::bytes));
            store_planes<width, true>(z, planes, i);
        }
        return i;
    }

    std::size_t merge(const std::uint8_t* const* planes, std::size_t n, std::uint8_t* elements) const {
        std::size_t i = 0;
        for (; i + V::bytes <= n; i += V::bytes) {
            if (i % 64 == 0) prefetch_next_tile(planes, elements, i);
            Value z[width];
            load_planes<width, true>(planes, i, z);
            for (std::size_t k = 0; k < width; ++k)
                V::store(elements + i * width + k * V::bytes, whole_.inverse(z[k]));
        }
        return i;
    }

    bool any_outside() const { return top_.any_outside(); }

  private:
    /// Asks for what 64 elements of the next tile need: its target, and the planes behind plane 0, which are
    /// mostly stored and lie one tile behind the other.
    static void prefetch_next_tile(const std::uint8_t* const* planes, std::uint8_t* elements, std::size_t i) {
        for (std::size_t p = 1; p < width; ++p) prefetch(planes[p] + i + tile_elements);
        for (std::size_t line = 0; line < width; ++line)
            prefetch_for_write(elements + (i + tile_elements) * width + 64 * line);
    }

    // Halves of numbers, halves of those, and so on to bytes. `upper`: there are no bits above these.

    template <std::size_t size, bool upper>
    void store_planes(Value* z, std::uint8_t* const* planes, std::size_t i) {
        if constexpr (size == 1) {
            V::store(planes[0] + i, z[0]);
        } else {
            constexpr std::size_t half = size / 2;
            Value high[half], low[half];
            if constexpr (size == 2 && upper)
                for (std::size_t k = 0; k < 2; ++k) z[k] = top_.forward(z[k]);
            for (std::size_t k = 0; k < half; ++k) {
                high[k] = V::template upper_halves<size>(z[2 * k], z[2 * k + 1]);
                low[k] = V::template lower_halves<size>(z[2 * k], z[2 * k + 1]);
            }
            store_planes<half, upper>(high, planes, i);
            store_planes<half, false>(low, planes + half, i);
        }
    }

    template <std::size_t size, bool upper>
    void load_planes(const std::uint8_t* const* planes, std::size_t i, Value* z) const {
        if constexpr (size == 1) {
            z[0] = V::load(planes[0] + i);
        } else {
            constexpr std::size_t half = size / 2;
            Value high[half], low[half];
            load_planes<half, upper>(planes, i, high);
            load_planes<half, false>(planes + half, i, low);
            for (std::size_t k = 0; k < half; ++k)
                V::template join_halves<size>(high[k], low[k], z[2 * k], z[2 * k + 1]);
            if constexpr (size == 2 && upper)
                for (std::size_t k = 0; k < 2; ++k) z[k] = top_.inverse(z[k]);
        }
    }

    Whole whole_;
    Top top_;
};

/// Calls `run` with the field of a layout that has planes.
template <typename V, typename Run>
void with_field(LayoutId id, std::uint16_t base, Run run) {
    switch (id) {
        case LayoutId::bytes: return run(Field<V, 1, Same<V>>(base));
        case LayoutId::split16: return run(Field<V, 2, Same<V>>(base));
        case LayoutId::zigzag16: return run(Field<V, 2, Zigzag16<V>>(base));
        case LayoutId::float16: return run(Field<V, 2, Rotate16<V>>(base));
        case LayoutId::bfloat16w: return run(Field<V, 2, Same<V>, Window16<V>>(base));
        case LayoutId::split32: return run(Field<V, 4, Same<V>>(base));
        case LayoutId::zigzag32: return run(Field<V, 4, Zigzag32<V>>(base));
        case LayoutId::float32: return run(Field<V, 4, Same<V>, Rotate16<V>>(base));
        case LayoutId::float32w: return run(Field<V, 4, Same<V>, Window16<V>>(base));
        case LayoutId::split64: return run(Field<V, 8, Same<V>>(base));
        case LayoutId::zigzag64: return run(Field<V, 8, Zigzag64<V>>(base));
        case LayoutId::float64: return run(Field<V, 8, Double<V>>(base));
        case LayoutId::float8: return run(Field<V, 1, Rotate8<V>>(base));
        case LayoutId::stored:
        case LayoutId::zstd: return;
    }
}

template <typename V>
bool split(LayoutId id, std::uint16_t base, const std::uint8_t* elements, std::size_t n,
           std::uint8_t* const* planes) {
    std::size_t done = 0;
    bool outside = false;
    with_field<V>(id, base, [&](auto field) {
        done = field.split(elements, n, planes);
        outside = field.any_outside();
    });
    const Layout& layout = layout_of(id);
    std::array<std::uint8_t*, max_planes> rest{};
    for (std::size_t p = 0; p < layout.planes; ++p) rest[p] = planes[p] + done;
    return ZIPNN_TARGET::split(id, base, elements + done * layout.width, n - done, rest.data()) || outside;
}

template <typename V>
void merge(LayoutId id, std::uint16_t base, const std::uint8_t* const* planes, std::size_t n,
           std::uint8_t* elements) {
    std::size_t done = 0;
    with_field<V>(id, base, [&](const auto& field) { done = field.merge(planes, n, elements); });
    const Layout& layout = layout_of(id);
    std::array<const std::uint8_t*, max_planes> rest{};
    for (std::size_t p = 0; p < layout.planes; ++p) rest[p] = planes[p] + done;
    ZIPNN_TARGET::merge(id, base, rest.data(), n - done, elements + done * layout.width);
}

}  // namespace zipnn::ZIPNN_TARGET::vectors
