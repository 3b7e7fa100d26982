// SPDX-License-Identifier: MIT
#include "simd/kernels.hpp"

#include "simd/generic/prelude.hpp"

#define ZIPNN_TARGET scalar
#include "simd/generic/backward.hpp"
#include "simd/generic/difference.hpp"
#include "simd/generic/fields.hpp"
#include "simd/generic/huffman.hpp"
#include "simd/generic/layered.hpp"
#include "simd/generic/ranks.hpp"
#include "simd/generic/rans.hpp"
#include "simd/generic/xxh3.hpp"

namespace zipnn {

const Kernels scalar_kernels = {
    .name = "scalar",
    .xxh3_accumulate = scalar::xxh3_accumulate,
    .xxh3_blocks = scalar::xxh3_blocks_by<scalar::xxh3_accumulate>,
    .split = scalar::split,
    .merge = scalar::merge,
    .pack = scalar::pack,
    .unpack = scalar::unpack,
    .rank = scalar::rank,
    .unrank = scalar::unrank,
    .merge_ranked = scalar::merge_ranked_by<scalar::unpack, scalar::unrank, scalar::merge>,
    .huffman_decode = scalar::huffman_decode,
    .huffman_encode = scalar::huffman_encode,
    .layered_decode = scalar::layered_decode,
    .layered_encode = scalar::layered_encode,
    .rans_decode = scalar::rans_decode,
    .rans_encode = scalar::rans_encode,
    .subtract = scalar::subtract,
    .add = scalar::add,
    .add_sparse = scalar::add_sparse,
    .find_changes = scalar::find_changes,
    .classify = scalar::classify,
    .backward_decode = scalar::backward_decode,
    .merge_moved16 = scalar::merge_moved16,
    .merge_moved32 = scalar::merge_moved32,
};

}  // namespace zipnn
