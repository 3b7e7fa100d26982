// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "zipnn/frame.hpp"

/// Frames of a tensor that is a difference to a base of the same size (docs/format.md, 2.8).
namespace zipnn {

/// Makes the frame of `data` against `base`, which must live as long as the encoder does.
class DifferenceEncoder {
  public:
    /// Learns what a frame needs. There is at least one element, and no part of one more.
    DifferenceEncoder(std::span<const std::uint8_t> data, std::span<const std::uint8_t> base, Family family,
                      Level level, unsigned threads);
    ~DifferenceEncoder();
    DifferenceEncoder(DifferenceEncoder&&) noexcept;
    DifferenceEncoder& operator=(DifferenceEncoder&&) noexcept;

    /// Expected size of the payloads, in parts of the data's.
    double ratio() const;

    /// Writes the frame to `out` and returns its size, a multiple of `align`; nothing if there is no room.
    std::optional<std::uint64_t> frame(const Description& description, std::uint64_t align,
                                       std::span<std::uint8_t> out) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Decodes chunks `first` .. `first+count-1` from their payloads and their part of the base into `out`, which
/// is that part itself or does not touch it. Of an identical tensor, which has no chunks, all is decoded.
/// Before a byte of `out` is written, base and payloads are checked by their hashes: throws BaseMismatchError
/// or CorruptError. `base_known`: the caller has checked that this is the base, so its hashes are not looked
/// at.
void decode_difference(const Head& head, std::span<const std::uint8_t> payloads,
                       std::span<const std::uint8_t> base, std::size_t first, std::size_t count,
                       std::span<std::uint8_t> out, unsigned threads, bool base_known = false);

}  // namespace zipnn
