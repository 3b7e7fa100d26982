// SPDX-License-Identifier: MIT
#include "simd/kernels.hpp"

#include "simd/generic/prelude.hpp"

#if defined(ZIPNN_X86)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif

#define ZIPNN_TARGET avx2
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

// Each uses those above.
#include "simd/x86/shuffle_table.hpp"

#include "simd/v128/sse.hpp"

#include "simd/x86/avx2.hpp"
#include "simd/x86/rans_avx2.hpp"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace zipnn {

using Vector256 = avx2::x86::Avx2;
using Layered256 = avx2::vectors::LayeredSteps<Vector256>;
using Ranks256 = avx2::vectors::RankSteps<Vector256>;

const Kernels avx2_kernels = {
    .name = "avx2",
    .xxh3_accumulate = avx2::vectors::Xxh3<Vector256>::accumulate,
    .xxh3_blocks = avx2::vectors::Xxh3<Vector256>::blocks,
    .split = avx2::vectors::split<Vector256>,
    .merge = avx2::vectors::merge<Vector256>,
    .pack = avx2::vectors::pack<Ranks256>,
    .unpack = avx2::vectors::unpack<Ranks256>,
    .rank = avx2::vectors::rank<Ranks256>,
    .unrank = avx2::vectors::unrank<Ranks256>,
    .merge_ranked = avx2::merge_ranked_by<avx2::vectors::unpack<Ranks256>, avx2::vectors::unrank<Ranks256>,
                                          avx2::vectors::merge<Vector256>>,
    .huffman_decode = avx2::huffman_decode,
    .huffman_encode = avx2::huffman_encode,
    .layered_decode = avx2::vectors::layered_decode<Layered256>,
    .layered_encode = avx2::vectors::layered_encode<Layered256>,
    .rans_decode = avx2::x86::rans_decode,
    .rans_encode = avx2::rans_encode,
    .subtract = avx2::subtract,
    .add = avx2::add,
    .add_sparse = avx2::add_sparse,
    .find_changes = avx2::find_changes,
    .classify = avx2::classify,
    .backward_decode = avx2::backward_decode,
    .merge_moved16 = avx2::merge_moved16,
    .merge_moved32 = avx2::merge_moved32,
};

}  // namespace zipnn

#endif
