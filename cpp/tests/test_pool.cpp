// SPDX-License-Identifier: MIT
#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "check.hpp"
#include "zipnn/pool.hpp"

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using zipnn::parallel_for;

namespace {

std::size_t sum_in_parallel(std::size_t count, unsigned threads) {
    std::atomic<std::size_t> sum{0};
    parallel_for(count, threads, [&](std::size_t i) { sum += i + 1; });
    return sum;
}

}  // namespace

TEST(every_task_runs_once) {
    for (const unsigned threads : {0U, 1U, 2U, 3U, 16U})
        for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{1000}})
            CHECK(sum_in_parallel(count, threads) == count * (count + 1) / 2);
}

TEST(exceptions_reach_the_caller) {
    for (const unsigned threads : {1U, 4U})
        CHECK_THROWS(std::out_of_range, parallel_for(100, threads, [](std::size_t i) {
                         if (i == 7) throw std::out_of_range("seven");
                     }));
    CHECK(sum_in_parallel(100, 4) == 5050);
}

TEST(callers_may_be_many) {
    std::atomic<int> right{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 6; ++i)
        callers.emplace_back([&] {
            for (int round = 0; round < 200; ++round) right += sum_in_parallel(20, 3) == 210;
        });
    for (auto& caller : callers) caller.join();
    CHECK(right == 1200);
}

TEST(tasks_may_be_nested) {
    std::atomic<std::size_t> sum{0};
    parallel_for(8, 4, [&](std::size_t) { sum += sum_in_parallel(10, 4); });
    CHECK(sum == 8 * 55);
}

#if defined(__unix__)
TEST(a_forked_child_has_its_own_pool) {
    CHECK(sum_in_parallel(100, 4) == 5050);
    for (int round = 0; round < 5; ++round) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);  // a child that hangs must not hang the test
            _exit(sum_in_parallel(100, 4) == 5050 ? 0 : 1);
        }
        int status = -1;
        waitpid(child, &status, 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}
#endif
