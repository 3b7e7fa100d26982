// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "bytes.hpp"
#include "zipnn/legacy.hpp"

/// General codecs. Memory grows with what is decoded, not with what a header claims.
namespace zipnn::legacy {

/// One Zstandard frame (RFC 8878), without a dictionary, of all these bytes.
std::vector<std::uint8_t> decode_zstd(Bytes frame);

/// One LZ4 frame (LZ4 frame format 1.6.1), without a dictionary, of all these bytes.
std::vector<std::uint8_t> decode_lz4(Bytes frame);

/// One raw Snappy block of all these bytes.
std::vector<std::uint8_t> decode_snappy(Bytes block);

std::vector<std::uint8_t> decode_with(Codec codec, Bytes bytes);

/// Appends `length` bytes that begin `offset` before the end, some of which it may be about to append.
/// Throws CorruptError if that is not within `out`.
void append_match(std::vector<std::uint8_t>& out, std::uint64_t offset, std::size_t length);

}  // namespace zipnn::legacy
