// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string_view>

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

/// Runs all tests but those that the arguments name.
int main(int argc, char** argv) {
    int failed = 0, left_out = 0;
    for (const check::Case& test : check::cases()) {
        if (std::find(argv + 1, argv + argc, std::string_view(test.name)) != argv + argc) {
            std::printf("left out %s\n", test.name);
            ++left_out;
            continue;
        }
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
    std::printf("%d passed, %d failed, %d left out\n",
                static_cast<int>(check::cases().size()) - failed - left_out, failed, left_out);
    return failed == 0 ? 0 : 1;
}
