// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bytes.hpp"

/// What fields are made of: each part says how many bytes it has of a block, how to take them out of it and
/// how to put them back. Offsets are template arguments, so that the loops have constant bounds.
namespace zipnn::blocks {

using Byte = std::uint8_t;

constexpr Byte byte(unsigned value) { return static_cast<Byte>(value); }

/// Bytes as they are: `Count` runs of `Size` bytes, `Step` apart.
template <std::size_t Offset, std::size_t Size, std::size_t Count = 1, std::size_t Step = Size>
struct Plain {
    static constexpr std::size_t size = Size * Count;

    static void take(const Byte* block, Byte* field) {
        for (std::size_t i = 0; i < Count; ++i)
            std::memcpy(field + i * Size, block + Offset + i * Step, Size);
    }
    static void put(const Byte* field, Byte* block) {
        for (std::size_t i = 0; i < Count; ++i)
            std::memcpy(block + Offset + i * Step, field + i * Size, Size);
    }
};

/// Q5_0, Q5_1: 32 values of 5 bits. Their lower four are the nibbles of 16 bytes, first all low ones; their
/// upper one is in the bits of 32.
template <std::size_t High, std::size_t Low>
struct Values5 {
    static constexpr std::size_t size = 32;
    static constexpr std::uint64_t ones = 0x0101010101010101U;
    static constexpr std::uint64_t nibbles = ones * 0x0f;

    static void take(const Byte* block, Byte* field) {
        for (std::size_t i = 0; i < 2; ++i) {
            const auto low = load_le<std::uint64_t>(block + Low + 8 * i);
            store_le(field + 8 * i, (low & nibbles) | spread(block[High + i]));
            store_le(field + 16 + 8 * i, (low >> 4 & nibbles) | spread(block[High + 2 + i]));
        }
    }
    static void put(const Byte* field, Byte* block) {
        for (std::size_t i = 0; i < 2; ++i) {
            const auto first = load_le<std::uint64_t>(field + 8 * i);
            const auto second = load_le<std::uint64_t>(field + 16 + 8 * i);
            store_le(block + Low + 8 * i, (first & nibbles) | (second & nibbles) << 4);
            block[High + i] = gather(first);
            block[High + 2 + i] = gather(second);
        }
    }

  private:
    /// Bit `i` of a byte becomes bit 4 of byte `i`.
    static std::uint64_t spread(Byte bits) {
        const std::uint64_t apart = bits * ones & 0x8040201008040201U;  // nothing but bit i in byte i
        return (apart + 0x7f * ones) >> 3 & 0x10 * ones;
    }
    static Byte gather(std::uint64_t bytes) {
        return static_cast<Byte>((bytes >> 4 & ones) * 0x0102040810204080U >> 56);
    }
};

/// Q5_K: 256 values of 5 bits. Group `i` of 64 has its lower four bits in the nibbles of 32 bytes, first all
/// low ones; the upper bits of values `j` and `j + 32` are bits `2i` and `2i + 1` of byte `j` of 32.
template <std::size_t High, std::size_t Low>
struct Values5K {
    static constexpr std::size_t size = 256;

    static void take(const Byte* block, Byte* field) {
        for (unsigned i = 0; i < 4; ++i)
            for (unsigned j = 0; j < 32; ++j) {
                const unsigned low = block[Low + 32 * i + j];
                const unsigned high = static_cast<unsigned>(block[High + j]) >> 2 * i;
                field[64 * i + j] = byte((low & 15) | (high & 1) << 4);
                field[64 * i + 32 + j] = byte(low >> 4 | (high & 2) << 3);
            }
    }
    static void put(const Byte* field, Byte* block) {
        Byte high[32] = {};
        for (unsigned i = 0; i < 4; ++i)
            for (unsigned j = 0; j < 32; ++j) {
                const unsigned first = field[64 * i + j];
                const unsigned second = field[64 * i + 32 + j];
                block[Low + 32 * i + j] = byte((first & 15) | (second & 15) << 4);
                high[j] = byte(high[j] | ((first >> 4 & 1) | (second >> 3 & 2)) << 2 * i);
            }
        std::memcpy(block + High, high, sizeof high);
    }
};

/// Q6_K: 256 values of 6 bits. Half `i` of 128 has values `j`, `j + 32`, `j + 64` and `j + 96` with their
/// lower four bits in bytes `j` and `j + 32` of 64 (low nibbles first), their upper two in byte `j` of 32.
template <std::size_t High, std::size_t Low>
struct Values6K {
    static constexpr std::size_t size = 256;

    static void take(const Byte* block, Byte* field) {
        for (unsigned i = 0; i < 2; ++i, field += 128)
            for (unsigned j = 0; j < 32; ++j) {
                const unsigned low = block[Low + 64 * i + j];
                const unsigned next = block[Low + 64 * i + 32 + j];
                const unsigned high = block[High + 32 * i + j];
                field[j] = byte((low & 15) | (high & 3) << 4);
                field[32 + j] = byte((next & 15) | (high & 12) << 2);
                field[64 + j] = byte(low >> 4 | (high & 48));
                field[96 + j] = byte(next >> 4 | (high & 192) >> 2);
            }
    }
    static void put(const Byte* field, Byte* block) {
        for (unsigned i = 0; i < 2; ++i, field += 128)
            for (unsigned j = 0; j < 32; ++j) {
                const unsigned a = field[j], b = field[32 + j], c = field[64 + j], d = field[96 + j];
                block[Low + 64 * i + j] = byte((a & 15) | (c & 15) << 4);
                block[Low + 64 * i + 32 + j] = byte((b & 15) | (d & 15) << 4);
                block[High + 32 * i + j] = byte((a >> 4 & 3) | (b >> 2 & 12) | (c & 48) | (d & 48) << 2);
            }
    }
};

/// Q3_K: 256 values of 3 bits, two in a byte: value `j + 64` of half `i` above value `j` (j < 64). The lower
/// two bits of values `j`, `j + 32`, `j + 64`, `j + 96` (j < 32) are those of byte `j` of 32, their upper
/// ones bits `4i` to `4i + 3` of byte `j` of other 32.
template <std::size_t High, std::size_t Low>
struct Values3K {
    static constexpr std::size_t size = 128;

    static void take(const Byte* block, Byte* field) {
        for (unsigned i = 0; i < 2; ++i, field += 64)
            for (unsigned j = 0; j < 32; ++j) {
                const unsigned low = block[Low + 32 * i + j];
                const unsigned high = static_cast<unsigned>(block[High + j]) >> 4 * i;
                field[j] = byte((low & 3) | (high & 1) << 2 | (low & 48) >> 1 | (high & 4) << 3);
                field[32 + j] = byte((low & 12) >> 2 | (high & 2) << 1 | (low & 192) >> 3 | (high & 8) << 2);
            }
    }
    static void put(const Byte* field, Byte* block) {
        Byte high[32] = {};
        for (unsigned i = 0; i < 2; ++i, field += 64)
            for (unsigned j = 0; j < 32; ++j) {
                const unsigned a = field[j], b = field[32 + j];
                block[Low + 32 * i + j] = byte((a & 3) | (b & 3) << 2 | (a & 24) << 1 | (b & 24) << 3);
                const unsigned bits = (a >> 2 & 1) | (b >> 1 & 2) | (a >> 3 & 4) | (b >> 2 & 8);
                high[j] = byte(high[j] | bits << 4 * i);
            }
        std::memcpy(block + High, high, sizeof high);
    }
};

/// Q4_K, Q5_K: 8 scales and 8 minima of 6 bits in 12 bytes.
template <std::size_t Offset>
struct Scales4K {
    static constexpr std::size_t size = 16;

    static void take(const Byte* block, Byte* field) {
        const Byte* packed = block + Offset;
        for (unsigned j = 0; j < 4; ++j) {
            const unsigned scale = packed[j], least = packed[4 + j], low = packed[8 + j];
            field[j] = byte(scale & 63);
            field[4 + j] = byte((low & 15) | (scale >> 6) << 4);
            field[8 + j] = byte(least & 63);
            field[12 + j] = byte(low >> 4 | (least >> 6) << 4);
        }
    }
    static void put(const Byte* field, Byte* block) {
        Byte* packed = block + Offset;
        for (unsigned j = 0; j < 4; ++j) {
            const unsigned scale = field[4 + j], least = field[12 + j];
            packed[j] = byte((field[j] & 63U) | (scale >> 4 & 3) << 6);
            packed[4 + j] = byte((field[8 + j] & 63U) | (least >> 4 & 3) << 6);
            packed[8 + j] = byte((scale & 15) | (least & 15) << 4);
        }
    }
};

/// Q3_K: 16 scales of 6 bits in 12 bytes.
template <std::size_t Offset>
struct Scales3K {
    static constexpr std::size_t size = 16;

    static void take(const Byte* block, Byte* field) {
        const Byte* packed = block + Offset;
        for (unsigned i = 0; i < 2; ++i)
            for (unsigned j = 0; j < 4; ++j) {
                const unsigned low = packed[4 * i + j];
                const unsigned high = static_cast<unsigned>(packed[8 + j]) >> 2 * i;
                field[4 * i + j] = byte((low & 15) | (high & 3) << 4);
                field[8 + 4 * i + j] = byte(low >> 4 | (high & 48));
            }
    }
    static void put(const Byte* field, Byte* block) {
        Byte* packed = block + Offset;
        for (unsigned j = 0; j < 4; ++j) {
            const unsigned a = field[j], b = field[4 + j], c = field[8 + j], d = field[12 + j];
            packed[j] = byte((a & 15) | (c & 15) << 4);
            packed[4 + j] = byte((b & 15) | (d & 15) << 4);
            packed[8 + j] = byte((a >> 4 & 3) | (b >> 2 & 12) | (c & 48) | (d & 48) << 2);
        }
    }
};

/// IQ4_XS: 8 scales of 6 bits; their lower four in the nibbles of 4 bytes, their upper two in 16 bits.
template <std::size_t High, std::size_t Low>
struct Scales4XS {
    static constexpr std::size_t size = 8;

    static void take(const Byte* block, Byte* field) {
        for (unsigned j = 0; j < 4; ++j) {
            const unsigned low = block[Low + j];
            const unsigned high = static_cast<unsigned>(block[High + j / 2]) >> 4 * (j % 2);
            field[2 * j] = byte((low & 15) | (high & 3) << 4);
            field[2 * j + 1] = byte(low >> 4 | (high & 12) << 2);
        }
    }
    static void put(const Byte* field, Byte* block) {
        unsigned high = 0;
        for (unsigned j = 0; j < 4; ++j) {
            const unsigned a = field[2 * j], b = field[2 * j + 1];
            block[Low + j] = byte((a & 15) | (b & 15) << 4);
            high |= ((a >> 4 & 3) | (b >> 2 & 12)) << 4 * j;
        }
        store_le(block + High, static_cast<std::uint16_t>(high));
    }
};

}  // namespace zipnn::blocks
