// SPDX-License-Identifier: MIT

/// Differences of elements in the order of their values, in loops that compilers turn into vectors.
namespace zipnn::ZIPNN_TARGET {

/// All ones if the highest bit of a number is set, else zero.
template <std::unsigned_integral T>
inline T sign_mask(T x) {
    return static_cast<T>(T{0} - static_cast<T>(x >> (8 * sizeof(T) - 1)));
}

/// Elements as signed numbers that rise with their values; its own inverse.
template <Order order, std::unsigned_integral T>
inline T ordered(T x) {
    if constexpr (order == Order::floats) return static_cast<T>(x ^ static_cast<T>(sign_mask(x) >> 1));
    return x;
}

template <std::unsigned_integral T>
inline T zigzag(T x) {
    return static_cast<T>(static_cast<T>(x << 1) ^ sign_mask(x));
}

template <std::unsigned_integral T>
inline T from_zigzag(T z) {
    return static_cast<T>(static_cast<T>(z >> 1) ^ static_cast<T>(T{0} - static_cast<T>(z & 1)));
}

/// Calls `act` with an element's type, as a value, for a width in bytes.
template <typename Act>
inline auto with_width(std::size_t width, Act act) {
    switch (width) {
        case 1: return act(std::uint8_t{});
        case 2: return act(std::uint16_t{});
        case 4: return act(std::uint32_t{});
        default: return act(std::uint64_t{});
    }
}

template <Order order, std::unsigned_integral T>
inline void subtract_as(const std::uint8_t* data, const std::uint8_t* base, std::size_t n, std::uint8_t* z) {
    for (std::size_t i = 0; i < n; ++i) {
        const T a = ordered<order>(load_le<T>(data + i * sizeof(T)));
        const T b = ordered<order>(load_le<T>(base + i * sizeof(T)));
        store_le(z + i * sizeof(T), zigzag(static_cast<T>(a - b)));
    }
}

template <Order order, std::unsigned_integral T>
inline void add_as(const std::uint8_t* base, const std::uint8_t* z, std::size_t n, std::uint8_t* out) {
    for (std::size_t i = 0; i < n; ++i) {
        const T b = ordered<order>(load_le<T>(base + i * sizeof(T)));
        const T d = from_zigzag(load_le<T>(z + i * sizeof(T)));
        store_le(out + i * sizeof(T), ordered<order>(static_cast<T>(b + d)));
    }
}

inline void subtract(Order order, std::size_t width, const std::uint8_t* data, const std::uint8_t* base,
                     std::size_t n, std::uint8_t* z) {
    with_width(width, [&]<typename T>(T) {
        if (order == Order::floats)
            subtract_as<Order::floats, T>(data, base, n, z);
        else
            subtract_as<Order::integers, T>(data, base, n, z);
    });
}

inline void add(Order order, std::size_t width, const std::uint8_t* base, const std::uint8_t* z,
                std::size_t n, std::uint8_t* out) {
    with_width(width, [&]<typename T>(T) {
        if (order == Order::floats)
            add_as<Order::floats, T>(base, z, n, out);
        else
            add_as<Order::integers, T>(base, z, n, out);
    });
}

/// Elements whose keys are taken at a time.
inline constexpr std::size_t key_step = 256;

inline void take_keys(unsigned shift, std::size_t width, const std::uint8_t* base, std::size_t count,
                      std::uint8_t* keys) {
    with_width(width, [&]<typename T>(T) {
        for (std::size_t i = 0; i < count; ++i)
            keys[i] = static_cast<std::uint8_t>(load_le<T>(base + i * sizeof(T)) >> shift);
    });
}

inline void classify(const BaseClasses& classes, std::size_t width, const std::uint8_t* base, std::size_t n,
                     std::uint8_t* contexts) {
    std::array<std::uint8_t, key_step> keys{};
    for (std::size_t first = 0; first < n; first += key_step) {
        const std::size_t count = std::min(key_step, n - first);
        take_keys(classes.shift, width, base + first * width, count, keys.data());
        std::array<std::uint8_t, key_step> found{};
        for (std::size_t k = 0; k + 1U < classes.count; ++k)
            for (std::size_t i = 0; i < key_step; ++i)
                found[i] = static_cast<std::uint8_t>(found[i] + (keys[i] > classes.last_keys[k] ? 1 : 0));
        std::copy_n(found.begin(), count, contexts + first);
    }
}

inline std::size_t find_changes(std::size_t width, const std::uint8_t* data, const std::uint8_t* base,
                                std::size_t n, std::uint32_t* positions) {
    return with_width(width, [&]<typename T>(T) {
        constexpr std::size_t step = 64 / sizeof(T);
        std::size_t count = 0, first = 0;
        for (; first + step <= n; first += step) {
            std::uint64_t any = 0;
            for (std::size_t at = 0; at < 64; at += 8)
                any |= load_le<std::uint64_t>(data + first * sizeof(T) + at) ^
                       load_le<std::uint64_t>(base + first * sizeof(T) + at);
            if (any == 0) continue;
            for (std::size_t i = first; i < first + step; ++i) {
                positions[count] = static_cast<std::uint32_t>(i);
                count += load_le<T>(data + i * sizeof(T)) != load_le<T>(base + i * sizeof(T)) ? 1U : 0U;
            }
        }
        for (; first < n; ++first) {
            positions[count] = static_cast<std::uint32_t>(first);
            count += load_le<T>(data + first * sizeof(T)) != load_le<T>(base + first * sizeof(T)) ? 1U : 0U;
        }
        return count;
    });
}

template <Order order, std::unsigned_integral T>
inline void add_sparse_as(const std::uint32_t* positions, const std::uint8_t* z, std::size_t count,
                          std::uint8_t* elements) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint8_t* element = elements + std::size_t{positions[i]} * sizeof(T);
        const T d = from_zigzag(load_le<T>(z + i * sizeof(T)));
        store_le(element, ordered<order>(static_cast<T>(ordered<order>(load_le<T>(element)) + d)));
    }
}

inline void add_sparse(Order order, std::size_t width, const std::uint32_t* positions, const std::uint8_t* z,
                       std::size_t count, std::uint8_t* elements) {
    with_width(width, [&]<typename T>(T) {
        if (order == Order::floats)
            add_sparse_as<Order::floats, T>(positions, z, count, elements);
        else
            add_sparse_as<Order::integers, T>(positions, z, count, elements);
    });
}

}  // namespace zipnn::ZIPNN_TARGET
