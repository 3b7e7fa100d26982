// SPDX-License-Identifier: MIT
#pragma once

namespace zipnn {

/// Name of the kernels in use: scalar, 128, avx2 or avx512.
const char* kernels_name();

}  // namespace zipnn
