// SPDX-License-Identifier: MIT
#include "simd/kernels.hpp"

#include "simd/generic/prelude.hpp"

#if defined(ZIPNN_X86)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                                      \
    __attribute__((target(                                                                                         \
        "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512vpopcntdq,bmi,bmi2,lzcnt,popcnt,avx2"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512vpopcntdq,bmi,bmi2,lzcnt,popcnt,avx2")
#endif

// GCC 12 sees uninitialised values inside its own AVX-512 headers.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define ZIPNN_TARGET avx512
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
#include "simd/vectors/ranks.hpp"

// Each uses those above.
#include "simd/x86/shuffle_table.hpp"

#include "simd/v128/sse.hpp"

#include "simd/x86/avx2.hpp"
#include "simd/x86/avx512.hpp"
#include "simd/x86/ranks512.hpp"
#include "simd/x86/rans_avx512.hpp"

#include "simd/x86/fields512.hpp"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace zipnn {

const Kernels avx512_kernels = {
    .name = "avx512",
    .xxh3_accumulate = avx512::x86::Vector::xxh3_accumulate,
    .xxh3_blocks = avx512::x86::Vector::xxh3_blocks,
    .split = avx512::vectors::split<avx512::x86::Avx2>,
    .merge = avx512::x86::Fields512::merge,
    .pack = avx512::vectors::pack<avx512::x86::Ranks512>,
    .unpack = avx512::vectors::unpack<avx512::x86::Ranks512>,
    .rank = avx512::vectors::rank<avx512::x86::Ranks512>,
    .unrank = avx512::vectors::unrank<avx512::x86::Ranks512>,
    .merge_ranked = avx512::x86::Fields512::merge_ranked,
    .huffman_decode = avx512::huffman_decode,
    .huffman_encode = avx512::x86::huffman_encode,
    .layered_decode = avx512::vectors::layered_decode<avx512::x86::Vector>,
    .layered_encode = avx512::vectors::layered_encode<avx512::x86::Vector>,
    .rans_decode = avx512::x86::rans_decode,
    .rans_encode = avx512::x86::rans_encode,
    .subtract = avx512::subtract,
    .add = avx512::add,
    .add_sparse = avx512::add_sparse,
    .find_changes = avx512::find_changes,
    .classify = avx512::classify,
    .backward_decode = avx512::backward_decode,
    .merge_moved16 = avx512::merge_moved16,
    .merge_moved32 = avx512::merge_moved32,
};

}  // namespace zipnn

#endif
