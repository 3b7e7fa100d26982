// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace zipnn {

/// XXH3-64 of `data`, from the xxHash specification 0.2.0 (XXH3, default secret).
std::uint64_t xxh3_64(std::span<const std::uint8_t> data, std::uint64_t seed = 0);

/// The same of data that come in parts; 0 is the seed.
class Xxh3Stream {
  public:
    static constexpr std::size_t block_size = 1024;
    static constexpr std::size_t min_size = 241;  ///< shorter data are hashed in another way

    /// `size` of the data, at least `min_size`.
    explicit Xxh3Stream(std::size_t size);

    /// The next whole blocks. At least one byte has to follow them.
    void add(const std::uint8_t* data, std::size_t blocks);

    /// The hash, given all that is left (at least a byte). The 64 bytes before `rest`'s end must be the
    /// data's.
    std::uint64_t finish(std::span<const std::uint8_t> rest);

  private:
    std::size_t size_;
    std::array<std::uint64_t, 8> acc_;
};

}  // namespace zipnn
