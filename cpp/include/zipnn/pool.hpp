// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>

/// A thread pool of the process. It survives fork: a child begins with a pool of its own.
namespace zipnn {

/// Threads that 0 stands for: ZIPNN_NUM_THREADS, else the processors that this process may use
/// (affinity mask, control group's CPU quota).
unsigned default_threads();

/// Runs task(0) .. task(count-1) on up to `threads` threads (0: default), the caller among them, and
/// returns when all are done. The first exception is rethrown, after which no new task starts. With one
/// thread or task everything runs in the caller, in order.
void parallel_for(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& task);

}  // namespace zipnn
