// SPDX-License-Identifier: MIT
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "simd/kernels.hpp"
#include "zipnn/kernels.hpp"

#if defined(ZIPNN_X86)
#include <cpuid.h>
#endif

namespace zipnn {
namespace {

#if defined(ZIPNN_X86)

// Each asks for all that the pragma of its file names.

bool has_128() {
    return __builtin_cpu_supports("ssse3") != 0 && __builtin_cpu_supports("sse4.1") != 0 &&
           __builtin_cpu_supports("popcnt") != 0;
}

/// Not every compiler has a name for it, and a processor without it takes the instruction for another.
bool has_lzcnt() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c >> 5 & 1) != 0;
}

bool has_avx2() {
    return has_128() && has_lzcnt() && __builtin_cpu_supports("avx2") != 0 &&
           __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;
}

bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
           __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("avx512vbmi2") != 0 &&
           __builtin_cpu_supports("avx512vpopcntdq") != 0;
}

#endif

struct Available {
    std::array<const Kernels*, 4> list{&scalar_kernels};
    std::size_t count = 1;

    Available() {
#if defined(ZIPNN_X86)
        if (has_128()) list[count++] = &simd128_kernels;
        if (has_avx2()) list[count++] = &avx2_kernels;
        if (has_avx512()) list[count++] = &avx512_kernels;
#elif defined(ZIPNN_NEON)
        list[count++] = &simd128_kernels;
#endif
    }
};

const Available& available() {
    static const Available found;
    return found;
}

const Kernels& choose() {
    const auto kernels = available_kernels();
    const Kernels& best = *kernels.back();
    const char* wanted = std::getenv("ZIPNN_SIMD");
    if (wanted == nullptr || *wanted == '\0') return best;
    std::string names;
    for (const Kernels* one : kernels) {
        if (std::string_view(wanted) == one->name) return *one;
        names += (names.empty() ? "" : ", ") + std::string(one->name);
    }
    std::fprintf(stderr, "zipnn: ZIPNN_SIMD=%s is not one of the kernels here (%s); using %s\n", wanted,
                 names.c_str(), best.name);
    return best;
}

}  // namespace

std::span<const Kernels* const> available_kernels() { return {available().list.data(), available().count}; }

const Kernels& active_kernels() {
    static const Kernels& chosen = choose();
    return chosen;
}

const char* kernels_name() { return active_kernels().name; }

}  // namespace zipnn
