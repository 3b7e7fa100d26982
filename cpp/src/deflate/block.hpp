// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "bytes.hpp"
#include "deflate/bit_writer.hpp"
#include "deflate/tokens.hpp"

namespace zipnn::deflate {

/// Writes a block in the form that is the shortest, all counted: stored, which needs the `size` bytes that
/// it is of, with the fixed codes or with codes of its own. Equals are decided as zlib does.
void write_block(BitWriter& out, const Tokens& tokens, std::uint64_t size, std::optional<Bytes> bytes,
                 bool last);

}  // namespace zipnn::deflate
