// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "deflate/bit_writer.hpp"
#include "deflate/prefix_code.hpp"

namespace zipnn::deflate {

/// What a dynamic block says of its two codes (RFC 1951, 3.2.7): lengths in runs, which have a code too.
class CodeHeader {
  public:
    CodeHeader(std::span<const std::uint8_t> literals, std::span<const std::uint8_t> distances);

    /// In bits.
    std::uint64_t size() const;
    void write(BitWriter& out) const;

  private:
    /// A length, or how long a run is.
    struct Item {
        std::uint8_t symbol;
        std::uint8_t extra;
    };

    void add_runs(std::span<const std::uint8_t> lengths);
    void add_run(unsigned length, unsigned count, bool repeats);

    std::size_t literals_;
    std::size_t distances_;
    std::vector<Item> items_;
    std::vector<CodeWord> code_;
    unsigned shown_;  ///< symbols whose lengths are written
};

}  // namespace zipnn::deflate
