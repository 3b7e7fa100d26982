// SPDX-License-Identifier: MIT
#include "zipnn/pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace zipnn {
namespace {

/// One parallel_for. Workers hold it by shared_ptr, since one may come when all is done.
struct Job {
    Job(std::size_t tasks, unsigned helpers_wanted, const std::function<void(std::size_t)>& task_)
        : count(tasks), helpers(helpers_wanted), task(&task_) {}

    const std::size_t count;
    unsigned helpers;  ///< workers that may still join; guarded by the pool's mutex
    const std::function<void(std::size_t)>* task;
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::condition_variable idle;
    unsigned running = 0;  ///< workers inside; guarded by `mutex`
    std::exception_ptr error;

    void work() {
        for (std::size_t i; (i = next.fetch_add(1)) < count;) {
            try {
                (*task)(i);
            } catch (...) {
                const std::lock_guard lock(mutex);
                if (!error) error = std::current_exception();
                next.store(count);
            }
        }
    }
};

class Pool {
  public:
    void run(const std::shared_ptr<Job>& job) {
        {
            const std::lock_guard lock(mutex_);
            jobs_.push_back(job);
            while (workers_ < std::min<std::size_t>(job->helpers, max_workers) && start_worker()) ++workers_;
        }
        wake_.notify_all();
        job->work();
        {
            const std::lock_guard lock(mutex_);
            std::erase(jobs_, job);
        }
        std::unique_lock lock(job->mutex);
        job->idle.wait(lock, [&] { return job->running == 0; });
    }

  private:
    static constexpr std::size_t max_workers = 256;

    /// Workers are detached and the pool is never destroyed, so that nothing waits at exit.
    bool start_worker() {
        try {
            std::thread([this] { serve(); }).detach();
        } catch (const std::system_error&) {
            return false;  // fewer threads do the same work
        }
        return true;
    }

    [[noreturn]] void serve() {
        for (;;) {
            std::shared_ptr<Job> job;
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return !jobs_.empty(); });
                job = jobs_.front();
                const std::lock_guard inner(job->mutex);
                ++job->running;
                if (--job->helpers == 0) jobs_.pop_front();
            }
            job->work();
            const std::lock_guard lock(job->mutex);
            if (--job->running == 0) job->idle.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Job>> jobs_;
    std::size_t workers_ = 0;
};

std::atomic<Pool*> process_pool{nullptr};

/// The threads of the parent's pool do not exist in a forked child and its mutex may be held by one
/// of them: the child leaks it and makes its own.
void forget_pool() { process_pool.store(nullptr); }

Pool& pool() {
#if defined(__unix__) || defined(__APPLE__)
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
    static_cast<void>(registered);
#endif
    Pool* current = process_pool.load();
    if (current == nullptr) {
        auto fresh = std::make_unique<Pool>();
        if (process_pool.compare_exchange_strong(current, fresh.get())) current = fresh.release();
    }
    return *current;
}

}  // namespace

void parallel_for(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& task) {
    if (threads == 0 && count > 1) threads = default_threads();
    if (threads <= 1 || count <= 1) {
        for (std::size_t i = 0; i < count; ++i) task(i);
        return;
    }
    const auto helpers = static_cast<unsigned>(std::min<std::size_t>(threads, count) - 1);
    const auto job = std::make_shared<Job>(count, helpers, task);
    pool().run(job);
    if (job->error) std::rethrow_exception(job->error);
}

}  // namespace zipnn
