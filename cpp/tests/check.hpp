// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

/// A small test harness: cases register themselves, checks count and print.
namespace check {

struct Case {
    const char* name;
    std::function<void()> run;
};

std::vector<Case>& cases();
void fail(const char* file, int line, const std::string& what);

struct Register {
    Register(const char* name, std::function<void()> run) { cases().push_back({name, std::move(run)}); }
};

template <typename Error, typename Run>
void throws(const char* file, int line, Run run) {
    try {
        run();
    } catch (const Error&) {
        return;
    } catch (const std::exception& error) {
        return fail(file, line, std::string("another exception: ") + error.what());
    }
    fail(file, line, "no exception");
}

/// xorshift64*: the same numbers on every machine.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 1) {}
    std::uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545F4914F6CDD1DU;
    }
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() >> 11) % bound; }

  private:
    std::uint64_t state_;
};

}  // namespace check

#define TEST(name)                                                    \
    static void test_##name();                                        \
    static const check::Register register_##name(#name, test_##name); \
    static void test_##name()

#define CHECK(condition) \
    if (!(condition)) check::fail(__FILE__, __LINE__, #condition)

#define CHECK_THROWS(Error, expression) check::throws<Error>(__FILE__, __LINE__, [&] { expression; })
