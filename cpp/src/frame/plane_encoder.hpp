// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bytes.hpp"
#include "entropy/cost.hpp"
#include "frame/coder.hpp"
#include "frame/context_encoder.hpp"

namespace zipnn {

/// Extra bits of ranks: bits `shift` and up of these bytes.
struct ExtraBits {
    std::uint8_t* bytes = nullptr;
    unsigned shift = 0;
};

/// Encodes planes of a tensor's chunks; made once for the tensor, used by all threads.
class PlaneEncoder {
  public:
    explicit PlaneEncoder(const Coder& coder);

    const Coder& coder() const { return coder_; }

    /// Appends mode and data of a plane of a chunk.
    /// `exponents`: escapes of elements outside a window, sorted; only for plane 0. Its ranked tables put the
    /// extra bits where `extra` says, one byte an element. Returns whether tiles have classes.
    bool encode(std::size_t plane, Bytes symbols, const Place& place,
                std::span<const std::uint32_t> exponents, ExtraBits extra,
                std::vector<std::uint8_t>& out) const;

  private:
    struct PlaneTables {
        ClassCosts costs[4];  ///< of tables 4i .. 4i+3
        std::vector<std::optional<HuffmanEncodeTable>> huffman;
        std::optional<ContextEncoder> contexts;
    };
    struct Tile;
    struct Choice {
        std::size_t table;
        std::uint64_t cost;  ///< in 1/256 bits
    };

    void encode_contexts(const ContextEncoder& encoder, Bytes symbols, const Place& place,
                         std::span<const std::uint32_t> exponents, std::vector<std::uint8_t>& out) const;

    Tile encode_tile(std::size_t plane, Bytes symbols, ExtraBits extra, std::uint8_t* target) const;
    Tile encode_with(std::size_t plane, std::size_t table, Bytes symbols, ExtraBits extra,
                     std::uint8_t* target) const;
    void encode_pairs(std::size_t plane, std::size_t table, Bytes groups, std::uint8_t* target,
                      Tile& tile) const;
    void encode_code(std::size_t plane, std::size_t table, Bytes symbols, std::uint8_t* target,
                     Tile& tile) const;
    /// The cheapest table and what `run` symbols at the beginning of each `stride` cost with it.
    Choice choose_table(const PlaneTables& tables, std::size_t count, Bytes symbols, std::size_t stride,
                        std::size_t run) const;

    const Coder& coder_;
    std::vector<PlaneTables> planes_;
};

}  // namespace zipnn
