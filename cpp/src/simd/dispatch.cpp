// SPDX-License-Identifier: MIT
#include "simd/kernels.hpp"
#include "zipnn/kernels.hpp"

namespace zipnn {

const Kernels& active_kernels() { return scalar_kernels; }

const char* kernels_name() { return active_kernels().name; }

}  // namespace zipnn
