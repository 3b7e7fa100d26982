// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET {

inline void xxh3_accumulate(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                            std::size_t stripes) {
    for (std::size_t stripe = 0; stripe < stripes; ++stripe, data += 64, secret += 8) {
        for (std::size_t lane = 0; lane < 8; ++lane) {
            const auto value = load_le<std::uint64_t>(data + 8 * lane);
            const std::uint64_t key = value ^ load_le<std::uint64_t>(secret + 8 * lane);
            acc[lane ^ 1] += value;
            acc[lane] += (key & 0xffffffffU) * (key >> 32);
        }
    }
}

constexpr std::size_t xxh3_block_stripes = 16;
constexpr std::size_t xxh3_scramble_at = 128;  ///< place in the secret
constexpr std::uint32_t xxh3_prime = 0x9E3779B1;

/// Blocks by an accumulate kernel.
template <auto accumulate>
void xxh3_blocks_by(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                    std::size_t blocks) {
    for (; blocks > 0; --blocks, data += 64 * xxh3_block_stripes) {
        accumulate(acc, data, secret, xxh3_block_stripes);
        for (std::size_t lane = 0; lane < 8; ++lane) {
            acc[lane] ^= acc[lane] >> 47;
            acc[lane] ^= load_le<std::uint64_t>(secret + xxh3_scramble_at + 8 * lane);
            acc[lane] *= xxh3_prime;
        }
    }
}

}  // namespace zipnn::ZIPNN_TARGET
