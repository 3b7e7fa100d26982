// SPDX-License-Identifier: MIT
#include "simd/kernels.hpp"

#include "simd/generic/prelude.hpp"

#if defined(ZIPNN_X86)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt,fma")
#endif

#define ZIPNN_TARGET avx2
#include "simd/generic/fields.hpp"
#include "simd/generic/huffman.hpp"
#include "simd/generic/layered.hpp"
#include "simd/generic/ranks.hpp"
#include "simd/generic/rans.hpp"
#include "simd/generic/xxh3.hpp"
#include "simd/vectors/layered.hpp"
#include "simd/vectors/ranks.hpp"
#include "simd/x86/avx2.hpp"
#include "simd/x86/fields.hpp"
#include "simd/x86/ranks256.hpp"
#include "simd/x86/rans_avx2.hpp"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace zipnn {

const Kernels avx2_kernels = {
    .name = "avx2",
    .xxh3_accumulate = avx2::x86::Vector::xxh3_accumulate,
    .xxh3_blocks = avx2::x86::Vector::xxh3_blocks,
    .split = avx2::x86::split,
    .merge = avx2::x86::merge,
    .pack = avx2::vectors::pack<avx2::x86::Ranks256>,
    .unpack = avx2::vectors::unpack<avx2::x86::Ranks256>,
    .rank = avx2::vectors::rank<avx2::x86::Ranks256>,
    .unrank = avx2::vectors::unrank<avx2::x86::Ranks256>,
    .merge_ranked = avx2::merge_ranked_by<avx2::vectors::unpack<avx2::x86::Ranks256>,
                                          avx2::vectors::unrank<avx2::x86::Ranks256>, avx2::x86::merge>,
    .huffman_decode = avx2::huffman_decode,
    .huffman_encode = avx2::huffman_encode,
    .layered_decode = avx2::vectors::layered_decode<avx2::x86::Vector>,
    .layered_encode = avx2::vectors::layered_encode<avx2::x86::Vector>,
    .rans_decode = avx2::x86::rans_decode,
    .rans_encode = avx2::rans_encode,
};

}  // namespace zipnn

#endif
