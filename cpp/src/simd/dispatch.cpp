// SPDX-License-Identifier: MIT
#include <array>
#include <cstdlib>
#include <string_view>

#include "simd/kernels.hpp"
#include "zipnn/kernels.hpp"

namespace zipnn {
namespace {

struct Available {
    std::array<const Kernels*, 3> list{&scalar_kernels};
    std::size_t count = 1;

    Available() {
#if defined(ZIPNN_X86)
        if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
            __builtin_cpu_supports("bmi2") != 0)
            list[count++] = &avx2_kernels;
        if (count == 2 && __builtin_cpu_supports("avx512bw") != 0 &&
            __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
            __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("avx512vbmi2") != 0 &&
            __builtin_cpu_supports("avx512vpopcntdq") != 0)
            list[count++] = &avx512_kernels;
#endif
    }
};

const Available& available() {
    static const Available found;
    return found;
}

const Kernels& choose() {
    const auto kernels = available_kernels();
    if (const char* wanted = std::getenv("ZIPNN_SIMD"))
        for (const Kernels* one : kernels)
            if (std::string_view(wanted) == one->name) return *one;
    return *kernels.back();
}

}  // namespace

std::span<const Kernels* const> available_kernels() { return {available().list.data(), available().count}; }

const Kernels& active_kernels() {
    static const Kernels& chosen = choose();
    return chosen;
}

const char* kernels_name() { return active_kernels().name; }

}  // namespace zipnn
