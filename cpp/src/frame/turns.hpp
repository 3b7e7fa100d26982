// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace zipnn {

/// Tasks that are worked on side by side take their turns here, in order.
class Turns {
  public:
    /// Runs `act` when all lower turns are over; false if one of them gave up.
    template <typename Act>
    bool take(std::size_t turn, Act act) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return next_ == turn || given_up_; });
        if (given_up_) return false;
        given_up_ = !act();
        ++next_;
        changed_.notify_all();
        return !given_up_;
    }
    void give_up() {
        const std::lock_guard lock(mutex_);
        given_up_ = true;
        changed_.notify_all();
    }
    bool given_up() {
        const std::lock_guard lock(mutex_);
        return given_up_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t next_ = 0;
    bool given_up_ = false;
};

}  // namespace zipnn
