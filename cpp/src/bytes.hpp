// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "zipnn/error.hpp"

/// Little-endian loads and stores, and a cursor that checks every length before it reads.
namespace zipnn {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

template <std::unsigned_integral T>
constexpr T byteswap(T value) {
    T swapped = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        swapped = static_cast<T>(swapped << 8 | (value & 0xff));
        value = static_cast<T>(value >> 8);
    }
    return swapped;
}

template <std::unsigned_integral T>
inline T load_le(const std::uint8_t* source) {
    T value;
    std::memcpy(&value, source, sizeof value);
    if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) value = byteswap(value);
    return value;
}

template <std::unsigned_integral T>
inline void store_le(std::uint8_t* target, T value) {
    if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) value = byteswap(value);
    std::memcpy(target, &value, sizeof value);
}

template <std::unsigned_integral T>
inline void append_le(std::vector<std::uint8_t>& out, T value) {
    const std::size_t at = out.size();
    out.resize(at + sizeof(T));
    store_le(out.data() + at, value);
}

/// LEB128: seven bits a byte, the lowest first, bit 7 set in all bytes but the last.
inline void append_varint(std::vector<std::uint8_t>& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

inline void append(std::vector<std::uint8_t>& out, Bytes bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Reads a byte range front to back; throws CorruptError where it ends too early.
class Cursor {
  public:
    explicit Cursor(Bytes bytes) : bytes_(bytes) {}

    std::size_t left() const { return bytes_.size() - at_; }
    std::size_t position() const { return at_; }

    Bytes take(std::size_t size, const char* what) {
        if (size > left()) throw CorruptError(std::string(what) + " runs past its end");
        const Bytes taken = bytes_.subspan(at_, size);
        at_ += size;
        return taken;
    }

    template <std::unsigned_integral T>
    T read(const char* what) {
        return load_le<T>(take(sizeof(T), what).data());
    }

    /// The inverse of append_varint; only its form is accepted.
    std::uint64_t read_varint(const char* what) {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = read<std::uint8_t>(what);
            const std::uint64_t bits = byte & 0x7fU;
            if ((shift == 63 && bits > 1) || (byte == 0 && shift != 0)) break;
            value |= bits << shift;
            if (byte < 0x80) return value;
        }
        throw CorruptError(std::string(what) + " has a wrong number");
    }

  private:
    Bytes bytes_;
    std::size_t at_ = 0;
};

}  // namespace zipnn
