// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "frame/chunk_decoder.hpp"

namespace zipnn {

/// A decoder's memory is kept for the next chunk, and the next frame, of the thread.
inline ChunkDecoder& thread_decoder() {
    thread_local const auto decoder = std::make_unique<ChunkDecoder>();
    return *decoder;
}

}  // namespace zipnn
