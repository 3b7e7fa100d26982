// SPDX-License-Identifier: MIT
#include "legacy/codecs.hpp"

#include <algorithm>

namespace zipnn::legacy {

std::vector<std::uint8_t> decode_with(Codec codec, Bytes bytes) {
    switch (codec) {
        case Codec::lz4: return decode_lz4(bytes);
        case Codec::snappy: return decode_snappy(bytes);
        case Codec::zstd: break;
    }
    return decode_zstd(bytes);
}

void append_match(std::vector<std::uint8_t>& out, std::uint64_t offset, std::size_t length) {
    if (offset == 0 || offset > out.size()) throw CorruptError("match begins before the data");
    std::size_t at = out.size();
    out.resize(at + length);
    // What is there is repeated, twice as much each time.
    for (std::size_t step = offset; length > 0; step *= 2) {
        const std::size_t size = std::min(step, length);
        std::copy_n(out.begin() + static_cast<std::ptrdiff_t>(at - step), size,
                    out.begin() + static_cast<std::ptrdiff_t>(at));
        at += size;
        length -= size;
    }
}

}  // namespace zipnn::legacy
