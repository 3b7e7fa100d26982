// SPDX-License-Identifier: MIT
#include "legacy/xxhash.hpp"

#include <array>
#include <bit>

namespace zipnn::legacy {
namespace {

constexpr std::array<std::uint32_t, 5> p32 = {0x9E3779B1U, 0x85EBCA77U, 0xC2B2AE3DU, 0x27D4EB2FU,
                                              0x165667B1U};
constexpr std::array<std::uint64_t, 5> p64 = {0x9E3779B185EBCA87U, 0xC2B2AE3D27D4EB4FU, 0x165667B19E3779F9U,
                                              0x85EBCA77C2B2AE63U, 0x27D4EB2F165667C5U};

std::uint64_t round64(std::uint64_t lane, std::uint64_t input) {
    return std::rotl(lane + input * p64[1], 31) * p64[0];
}

}  // namespace

std::uint32_t xxh32(Bytes data) {
    const std::uint8_t *at = data.data(), *end = at + data.size();
    std::uint32_t hash = p32[4];
    if (data.size() >= 16) {
        std::array<std::uint32_t, 4> lanes = {p32[0] + p32[1], p32[1], 0, 0U - p32[0]};
        for (; end - at >= 16; at += 16)
            for (std::size_t i = 0; i < 4; ++i)
                lanes[i] = std::rotl(lanes[i] + load_le<std::uint32_t>(at + 4 * i) * p32[1], 13) * p32[0];
        hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
               std::rotl(lanes[3], 18);
    }
    hash += static_cast<std::uint32_t>(data.size());
    for (; end - at >= 4; at += 4) hash = std::rotl(hash + load_le<std::uint32_t>(at) * p32[2], 17) * p32[3];
    for (; at != end; ++at) hash = std::rotl(hash + *at * p32[4], 11) * p32[0];
    hash = (hash ^ hash >> 15) * p32[1];
    hash = (hash ^ hash >> 13) * p32[2];
    return hash ^ hash >> 16;
}

std::uint64_t xxh64(Bytes data) {
    const std::uint8_t *at = data.data(), *end = at + data.size();
    std::uint64_t hash = p64[4];
    if (data.size() >= 32) {
        std::array<std::uint64_t, 4> lanes = {p64[0] + p64[1], p64[1], 0, 0U - p64[0]};
        for (; end - at >= 32; at += 32)
            for (std::size_t i = 0; i < 4; ++i)
                lanes[i] = round64(lanes[i], load_le<std::uint64_t>(at + 8 * i));
        hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
               std::rotl(lanes[3], 18);
        for (const std::uint64_t lane : lanes) hash = (hash ^ round64(0, lane)) * p64[0] + p64[3];
    }
    hash += data.size();
    for (; end - at >= 8; at += 8)
        hash = std::rotl(hash ^ round64(0, load_le<std::uint64_t>(at)), 27) * p64[0] + p64[3];
    if (end - at >= 4) {
        hash = std::rotl(hash ^ load_le<std::uint32_t>(at) * p64[0], 23) * p64[1] + p64[2];
        at += 4;
    }
    for (; at != end; ++at) hash = std::rotl(hash ^ *at * p64[4], 11) * p64[0];
    hash = (hash ^ hash >> 33) * p64[1];
    hash = (hash ^ hash >> 29) * p64[2];
    return hash ^ hash >> 32;
}

}  // namespace zipnn::legacy
