// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "legacy/prefix.hpp"
#include "zipnn/legacy.hpp"

namespace zipnn::legacy {

/// Versions whose frames are laid out alike: 0.1, 0.2, 0.3.0 to 0.3.4, 0.3.5 to 0.5.4.
enum class Family : std::uint8_t { a, b, c, d };

/// Element types that have layouts of their own (families B to D).
enum class Element : std::uint8_t { other, float32, float16, bfloat16, uint32, float8 };

/// The fields of fixed size at the beginning of a frame.
struct Header {
    Family family = Family::a;
    std::array<std::uint8_t, 3> version{};
    Codec codec = Codec::zstd;
    Element element = Element::other;
    std::uint8_t grouping = 0;
    bool moved = false;
    unsigned chunk_log2 = 0;
    std::optional<std::uint64_t> original_size;
    std::optional<std::uint64_t> frame_size;
    unsigned partitions = 0;        ///< family A
    std::size_t integers = 0;       ///< family A: size of the integers that stand for floats
    std::optional<unsigned> lossy;  ///< family A: the factor

    Move move() const;
};

/// Reads them, and enters what the caller is to know into `frame`.
Header read_header(Prefix& prefix, Frame& frame);

/// The block with the tensor's shape that follows in some frames.
std::vector<std::uint64_t> read_shape(Prefix& prefix);

/// Bytes of a tensor of the frame's shape; one element's without. Throws CorruptError if they are too many.
std::uint64_t shape_size(const Frame& frame);

}  // namespace zipnn::legacy
