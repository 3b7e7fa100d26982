// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "entropy/context_table.hpp"

namespace zipnn {

/// Decodes the planes of a tensor's chunks that are coded with a context table.
class ContextDecoder {
  public:
    explicit ContextDecoder(const ContextTable& table);

    /// The `n` symbols of a chunk. `slack` bytes behind the payload can be read. Throws CorruptError unless
    /// the payload is exactly their code.
    void decode(Bytes payload, const Place& place, std::size_t n, std::uint8_t* out) const;

  private:
    std::vector<std::uint8_t> decode_rows(Bytes words, RansState& state, std::size_t count) const;

    const ContextTable& table_;
    std::vector<RansSlot> slots_;  ///< of the contexts in order
    std::vector<RansSlot> row_slots_;
};

}  // namespace zipnn
