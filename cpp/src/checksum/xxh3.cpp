// SPDX-License-Identifier: MIT
#include <array>

#include "bytes.hpp"
#include "simd/kernels.hpp"
#include "zipnn/checksum.hpp"

// XXH3-64 as the xxHash specification describes it: four ways by input length.
namespace zipnn {
namespace {

constexpr std::uint32_t prime32_1 = 0x9E3779B1U;
constexpr std::uint32_t prime32_2 = 0x85EBCA77U;
constexpr std::uint32_t prime32_3 = 0xC2B2AE3DU;
constexpr std::uint64_t prime64_1 = 0x9E3779B185EBCA87ULL;
constexpr std::uint64_t prime64_2 = 0xC2B2AE3D27D4EB4FULL;
constexpr std::uint64_t prime64_3 = 0x165667B19E3779F9ULL;
constexpr std::uint64_t prime64_4 = 0x85EBCA77C2B2AE63ULL;
constexpr std::uint64_t prime64_5 = 0x27D4EB2F165667C5ULL;
constexpr std::uint64_t prime_mx1 = 0x165667919E3779F9ULL;
constexpr std::uint64_t prime_mx2 = 0x9FB21C651E98DF25ULL;

constexpr std::size_t stripe_size = 64;
constexpr std::size_t secret_step = 8;

using Secret = std::array<std::uint8_t, 192>;

constexpr Secret default_secret = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

std::uint64_t rotl(std::uint64_t value, int bits) { return std::rotl(value, bits); }

/// XOR of the two halves of the 128-bit product.
std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) {
    const std::uint64_t a_low = a & 0xffffffffU, a_high = a >> 32;
    const std::uint64_t b_low = b & 0xffffffffU, b_high = b >> 32;
    const std::uint64_t low = a_low * b_low, cross_1 = a_high * b_low, cross_2 = a_low * b_high;
    const std::uint64_t carry = (low >> 32) + (cross_1 & 0xffffffffU) + (cross_2 & 0xffffffffU);
    const std::uint64_t high = a_high * b_high + (cross_1 >> 32) + (cross_2 >> 32) + (carry >> 32);
    return (low & 0xffffffffU) ^ (carry << 32) ^ high;
}

std::uint64_t avalanche(std::uint64_t hash) {
    hash ^= hash >> 37;
    hash *= prime_mx1;
    return hash ^ (hash >> 32);
}

std::uint64_t avalanche_xxh64(std::uint64_t hash) {
    hash ^= hash >> 33;
    hash *= prime64_2;
    hash ^= hash >> 29;
    hash *= prime64_3;
    return hash ^ (hash >> 32);
}

std::uint64_t key64(std::size_t at) { return load_le<std::uint64_t>(default_secret.data() + at); }
std::uint32_t key32(std::size_t at) { return load_le<std::uint32_t>(default_secret.data() + at); }

std::uint64_t hash_up_to_16(const std::uint8_t* data, std::size_t size, std::uint64_t seed) {
    if (size > 8) {
        const std::uint64_t flip_low = (key64(24) ^ key64(32)) + seed;
        const std::uint64_t flip_high = (key64(40) ^ key64(48)) - seed;
        const std::uint64_t low = load_le<std::uint64_t>(data) ^ flip_low;
        const std::uint64_t high = load_le<std::uint64_t>(data + size - 8) ^ flip_high;
        return avalanche(size + byteswap(low) + high + fold_multiply(low, high));
    }
    if (size >= 4) {
        seed ^= static_cast<std::uint64_t>(byteswap(static_cast<std::uint32_t>(seed))) << 32;
        const std::uint32_t first = load_le<std::uint32_t>(data);
        const std::uint32_t last = load_le<std::uint32_t>(data + size - 4);
        std::uint64_t hash =
            (last + (static_cast<std::uint64_t>(first) << 32)) ^ ((key64(8) ^ key64(16)) - seed);
        hash ^= rotl(hash, 49) ^ rotl(hash, 24);
        hash *= prime_mx2;
        hash ^= (hash >> 35) + size;
        hash *= prime_mx2;
        return hash ^ (hash >> 28);
    }
    if (size > 0) {
        const std::uint32_t combined = static_cast<std::uint32_t>(data[0]) << 16 |
                                       static_cast<std::uint32_t>(data[size / 2]) << 24 | data[size - 1] |
                                       static_cast<std::uint32_t>(size) << 8;
        return avalanche_xxh64(combined ^ ((key32(0) ^ key32(4)) + seed));
    }
    return avalanche_xxh64(seed ^ key64(56) ^ key64(64));
}

std::uint64_t mix_16(const std::uint8_t* data, std::size_t secret_at, std::uint64_t seed) {
    return fold_multiply(load_le<std::uint64_t>(data) ^ (key64(secret_at) + seed),
                         load_le<std::uint64_t>(data + 8) ^ (key64(secret_at + 8) - seed));
}

std::uint64_t hash_up_to_240(const std::uint8_t* data, std::size_t size, std::uint64_t seed) {
    std::uint64_t acc = size * prime64_1;
    if (size <= 128) {
        for (std::size_t i = (size - 1) / 32 + 1; i-- > 0;) {
            acc += mix_16(data + 16 * i, 32 * i, seed);
            acc += mix_16(data + size - 16 * (i + 1), 32 * i + 16, seed);
        }
        return avalanche(acc);
    }
    for (std::size_t i = 0; i < 8; ++i) acc += mix_16(data + 16 * i, 16 * i, seed);
    acc = avalanche(acc);
    for (std::size_t i = 8; i < size / 16; ++i) acc += mix_16(data + 16 * i, 16 * (i - 8) + 3, seed);
    acc += mix_16(data + size - 16, 136 - 17, seed);
    return avalanche(acc);
}

Secret seeded_secret(std::uint64_t seed) {
    Secret secret = default_secret;
    for (std::size_t at = 0; at < secret.size(); at += 16) {
        store_le(secret.data() + at, key64(at) + seed);
        store_le(secret.data() + at + 8, key64(at + 8) - seed);
    }
    return secret;
}

std::uint64_t merge_accumulators(const std::array<std::uint64_t, 8>& acc, const std::uint8_t* secret,
                                 std::uint64_t start) {
    for (std::size_t i = 0; i < 4; ++i)
        start += fold_multiply(acc[2 * i] ^ load_le<std::uint64_t>(secret + 16 * i),
                               acc[2 * i + 1] ^ load_le<std::uint64_t>(secret + 16 * i + 8));
    return avalanche(start);
}

using Accumulators = std::array<std::uint64_t, 8>;
constexpr Accumulators initial_accumulators = {prime32_3, prime64_1, prime64_2, prime64_3,
                                               prime64_4, prime32_2, prime64_5, prime32_1};
constexpr std::size_t block_stripes = (std::tuple_size_v<Secret> - stripe_size) / secret_step;
static_assert(block_stripes * stripe_size == Xxh3Stream::block_size);

std::uint64_t finish_long(Accumulators& acc, const Secret& secret, Bytes rest, std::size_t size) {
    const auto& kernels = active_kernels();
    const std::size_t blocks = (rest.size() - 1) / Xxh3Stream::block_size;
    kernels.xxh3_blocks(acc.data(), rest.data(), secret.data(), blocks);
    const Bytes last = rest.subspan(blocks * Xxh3Stream::block_size);
    kernels.xxh3_accumulate(acc.data(), last.data(), secret.data(), (last.size() - 1) / stripe_size);
    kernels.xxh3_accumulate(acc.data(), rest.data() + rest.size() - stripe_size,
                            secret.data() + secret.size() - stripe_size - 7, 1);
    return merge_accumulators(acc, secret.data() + 11, size * prime64_1);
}

std::uint64_t hash_long(Bytes data, const Secret& secret) {
    Accumulators acc = initial_accumulators;
    return finish_long(acc, secret, data, data.size());
}

}  // namespace

Xxh3Stream::Xxh3Stream(std::size_t size) : size_(size), acc_(initial_accumulators) {}

void Xxh3Stream::add(const std::uint8_t* data, std::size_t blocks) {
    active_kernels().xxh3_blocks(acc_.data(), data, default_secret.data(), blocks);
}

std::uint64_t Xxh3Stream::finish(std::span<const std::uint8_t> rest) {
    return finish_long(acc_, default_secret, rest, size_);
}

std::uint64_t xxh3_64(std::span<const std::uint8_t> data, std::uint64_t seed) {
    if (data.size() <= 16) return hash_up_to_16(data.data(), data.size(), seed);
    if (data.size() <= 240) return hash_up_to_240(data.data(), data.size(), seed);
    if (seed == 0) return hash_long(data, default_secret);
    return hash_long(data, seeded_secret(seed));
}

}  // namespace zipnn
