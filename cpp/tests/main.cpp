// SPDX-License-Identifier: MIT
#include "check.hpp"

namespace check {

namespace {
int failures = 0;
}

std::vector<Case>& cases() {
    static std::vector<Case> all;
    return all;
}

void fail(const char* file, int line, const std::string& what) {
    ++failures;
    std::printf("%s:%d: %s\n", file, line, what.c_str());
}

}  // namespace check

int main() {
    int failed = 0;
    for (const check::Case& test : check::cases()) {
        const int before = check::failures;
        try {
            test.run();
        } catch (const std::exception& error) {
            check::fail(test.name, 0, std::string("unexpected exception: ") + error.what());
        }
        const bool passed = check::failures == before;
        failed += !passed;
        std::printf("%s %s\n", passed ? "ok    " : "FAILED", test.name);
    }
    std::printf("%zu passed, %d failed\n", check::cases().size() - static_cast<std::size_t>(failed), failed);
    return failed == 0 ? 0 : 1;
}
