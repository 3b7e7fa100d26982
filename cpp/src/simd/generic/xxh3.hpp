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

}  // namespace zipnn::ZIPNN_TARGET
