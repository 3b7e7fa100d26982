// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "zipnn/pool.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

namespace zipnn {
namespace {

constexpr unsigned max_threads = 1024;

unsigned threads_from_environment() {
    const char* value = std::getenv("ZIPNN_NUM_THREADS");
    if (value == nullptr) return 0;
    const std::string_view text = value;
    unsigned threads = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), threads);
    if (error != std::errc{} || end != text.data() + text.size()) return 0;
    return std::min(threads, max_threads);
}

unsigned processors() {
#if defined(__linux__)
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(CPU_COUNT(&set));
#endif
    return std::max(1U, std::thread::hardware_concurrency());
}

/// CPUs that the control group allows (version 2, else 1), or 0 where there is no limit.
double cgroup_cpus() {
    std::string quota;
    double period = 0;
    if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period) {
        const double allowed = quota == "max" ? 0 : std::atof(quota.c_str());
        return period > 0 ? allowed / period : 0;
    }
    double allowed = 0;
    std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (v1_quota >> allowed && v1_period >> period && allowed > 0 && period > 0) return allowed / period;
    return 0;
}

}  // namespace

unsigned default_threads() {
    if (const unsigned wanted = threads_from_environment(); wanted != 0) return wanted;
    unsigned threads = processors();
    static const double limit = cgroup_cpus();  // files under /sys: too slow to read for each call
    if (limit > 0) threads = std::min(threads, static_cast<unsigned>(std::max(1.0, std::ceil(limit))));
    return std::clamp(threads, 1U, max_threads);
}

}  // namespace zipnn
