// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// The block types of GGML, taken apart into fields that are coded each on its own (docs/format.md).
namespace zipnn::blocks {

/// A part of every block. The field's bytes of all blocks follow each other.
struct Field {
    /// `count` blocks that follow each other, to their fields and back. Every `put` writes bytes of the
    /// block that no other field does; together they write all.
    using Take = void (*)(const std::uint8_t* blocks, std::uint8_t* field, std::size_t count);
    using Put = void (*)(const std::uint8_t* field, std::uint8_t* blocks, std::size_t count);

    std::string_view dtype;  ///< of its elements: safetensors' name
    std::size_t size;        ///< bytes that it has of a block
    Take take;
    Put put;
};

struct Type {
    std::string_view name;  ///< GGML's, such as Q4_K
    std::size_t elements;   ///< values of a block
    std::size_t size;       ///< bytes of a block
    std::span<const Field> fields;
};

std::span<const Type> types();

/// Throws std::invalid_argument if there is none of that name.
const Type& type_of(std::string_view name);

/// Takes blocks apart: `fields[i]` gets field `i` of all. Sizes must fit exactly, else std::invalid_argument.
void split(const Type& type, std::span<const std::uint8_t> blocks,
           std::span<const std::span<std::uint8_t>> fields);

/// As `split`, one field only.
void take(const Type& type, std::size_t field, std::span<const std::uint8_t> blocks,
          std::span<std::uint8_t> out);

/// The inverse of `split`.
void join(const Type& type, std::span<const std::span<const std::uint8_t>> fields,
          std::span<std::uint8_t> blocks);

}  // namespace zipnn::blocks
