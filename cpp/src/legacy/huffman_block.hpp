// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "bytes.hpp"
#include "simd/kernels.hpp"

/// Huffman coding as Zstandard has it (RFC 8878, 4.2).
namespace zipnn::legacy {

/// Reads a tree description and makes the table that decodes with it.
void read_huffman_tree(Cursor& cursor, BackwardTable& table);

/// Decodes `streams.size()` streams, one or four with a jump table, which fill `out` together.
void decode_huffman(const BackwardTable& table, Bytes payload, std::size_t streams, MutableBytes out);

/// A block of the frames: stored, one byte repeated, or a tree and four streams. 0 < block.size() <=
/// out.size() unless both are empty.
void decode_huffman_block(Bytes block, MutableBytes out);

}  // namespace zipnn::legacy
