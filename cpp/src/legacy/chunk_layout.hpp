// SPDX-License-Identifier: MIT
#pragma once

#include "legacy/header.hpp"

namespace zipnn::legacy {

/// Most bytes that a Huffman block or a run stands for.
inline constexpr std::uint64_t max_block = 131072;

/// The tables behind the header of a frame of family D, or of a 16-bit dtype of family C.
/// `prefix` ends where the frame does.
Chunks read_chunks(Prefix& prefix, const Header& header);

/// The same of a 16-bit dtype of family B; the frame ends where `prefix` does, or before it if it says so.
Chunks read_first_chunks(Prefix& prefix, const Header& header);

}  // namespace zipnn::legacy
