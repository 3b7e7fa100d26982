// SPDX-License-Identifier: MIT
#include "simd/kernels.hpp"

#include "simd/generic/prelude.hpp"

#if defined(ZIPNN_X86) || defined(ZIPNN_NEON)

#define ZIPNN_TARGET simd128

#if defined(ZIPNN_X86)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("ssse3,sse4.1,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("ssse3,sse4.1,popcnt")
#endif

#include "simd/x86/shuffle_table.hpp"

// It uses that above.
#include "simd/v128/sse.hpp"
#else
#include <arm_neon.h>

#include "simd/v128/neon.hpp"
#endif

#include "simd/generic/backward.hpp"
#include "simd/generic/difference.hpp"
#include "simd/generic/fields.hpp"
#include "simd/generic/huffman.hpp"
#include "simd/generic/layered.hpp"
#include "simd/generic/ranks.hpp"
#include "simd/generic/rans.hpp"
#include "simd/generic/xxh3.hpp"
#include "simd/vectors/fields.hpp"
#include "simd/vectors/layered.hpp"
#include "simd/vectors/layered_steps.hpp"
#include "simd/vectors/rank_steps.hpp"
#include "simd/vectors/ranks.hpp"
#include "simd/vectors/xxh3.hpp"

#if defined(ZIPNN_X86)
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

namespace zipnn {

#if defined(ZIPNN_X86)
using Vector128 = simd128::v128::Sse;
#else
using Vector128 = simd128::v128::Neon;
#endif
using Layered128 = simd128::vectors::LayeredSteps<Vector128>;
using Ranks128 = simd128::vectors::RankSteps<Vector128>;

const Kernels simd128_kernels = {
    .name = "128",
    .xxh3_accumulate = simd128::vectors::Xxh3<Vector128>::accumulate,
    .xxh3_blocks = simd128::vectors::Xxh3<Vector128>::blocks,
    .split = simd128::vectors::split<Vector128>,
    .merge = simd128::vectors::merge<Vector128>,
    .pack = simd128::vectors::pack<Ranks128>,
    .unpack = simd128::vectors::unpack<Ranks128>,
    .rank = simd128::vectors::rank<Ranks128>,
    .unrank = simd128::vectors::unrank<Ranks128>,
    .merge_ranked =
        simd128::merge_ranked_by<simd128::vectors::unpack<Ranks128>, simd128::vectors::unrank<Ranks128>,
                                 simd128::vectors::merge<Vector128>>,
    .huffman_decode = simd128::huffman_decode,
    .huffman_encode = simd128::huffman_encode,
    .layered_decode = simd128::vectors::layered_decode<Layered128>,
    .layered_encode = simd128::vectors::layered_encode<Layered128>,
    .rans_decode = simd128::rans_decode,
    .rans_encode = simd128::rans_encode,
    .subtract = simd128::subtract,
    .add = simd128::add,
    .add_sparse = simd128::add_sparse,
    .find_changes = simd128::find_changes,
    .classify = simd128::classify,
    .backward_decode = simd128::backward_decode,
    .merge_moved16 = simd128::merge_moved16,
    .merge_moved32 = simd128::merge_moved32,
};

}  // namespace zipnn

#endif
