// SPDX-License-Identifier: MIT
#include "simd/kernels.hpp"

#include "simd/generic/prelude.hpp"

#if defined(ZIPNN_X86) || defined(ZIPNN_NEON)

#if defined(ZIPNN_X86)
#include <immintrin.h>
#else
#include <arm_neon.h>
#endif

#if defined(ZIPNN_X86)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("ssse3,sse4.1,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("ssse3,sse4.1,popcnt")
#endif
#endif

#define ZIPNN_TARGET simd128
#include "simd/generic/fields.hpp"
#include "simd/generic/huffman.hpp"
#include "simd/generic/layered.hpp"
#include "simd/generic/ranks.hpp"
#include "simd/generic/rans.hpp"
#include "simd/generic/xxh3.hpp"
#include "simd/vectors/layered.hpp"
#include "simd/vectors/ranks.hpp"
#if defined(ZIPNN_X86)
#include "simd/v128/sse.hpp"
#else
#include "simd/v128/neon.hpp"
#endif

// They use those above.
#include "simd/v128/fields.hpp"
#include "simd/v128/layered.hpp"
#include "simd/v128/ranks.hpp"
#include "simd/v128/xxh3.hpp"

#if defined(ZIPNN_X86)
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

namespace zipnn {

const Kernels simd128_kernels = {
    .name = "128",
    .xxh3_accumulate = simd128::v128::xxh3_accumulate,
    .xxh3_blocks = simd128::v128::xxh3_blocks,
    .split = simd128::v128::split,
    .merge = simd128::v128::merge,
    .pack = simd128::vectors::pack<simd128::v128::Ranks128>,
    .unpack = simd128::vectors::unpack<simd128::v128::Ranks128>,
    .rank = simd128::vectors::rank<simd128::v128::Ranks128>,
    .unrank = simd128::vectors::unrank<simd128::v128::Ranks128>,
    .merge_ranked =
        simd128::merge_ranked_by<simd128::vectors::unpack<simd128::v128::Ranks128>,
                                 simd128::vectors::unrank<simd128::v128::Ranks128>, simd128::v128::merge>,
    .huffman_decode = simd128::huffman_decode,
    .huffman_encode = simd128::huffman_encode,
    .layered_decode = simd128::vectors::layered_decode<simd128::v128::Layered128>,
    .layered_encode = simd128::vectors::layered_encode<simd128::v128::Layered128>,
    .rans_decode = simd128::rans_decode,
    .rans_encode = simd128::rans_encode,
};

}  // namespace zipnn

#endif
