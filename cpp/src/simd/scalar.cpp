// SPDX-License-Identifier: MIT
#include "simd/kernels.hpp"

#include "simd/huffman_kernels.hpp"
#include "simd/layered_kernels.hpp"
#include "simd/xxh3_kernel.hpp"

namespace zipnn {

const Kernels scalar_kernels = {
    .name = "scalar",
    .xxh3_accumulate = scalar::xxh3_accumulate,
    .huffman_decode = scalar::huffman_decode,
    .huffman_encode = scalar::huffman_encode,
    .layered_decode = scalar::layered_decode,
    .layered_encode = scalar::layered_encode,
};

}  // namespace zipnn
