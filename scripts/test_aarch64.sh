#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the C++ tests for aarch64 with a cross compiler and runs them under QEMU's user mode.
#
#     scripts/test_aarch64.sh               skips, and says so, what there are no tools for
#     scripts/test_aarch64.sh --required    installs missing tools (Debian, as root); fails without a compiler
set -euo pipefail
cd "$(dirname "$0")/.."

required=$([[ "${1:-}" == --required ]] && echo yes || echo no)
compiler=aarch64-linux-gnu-g++
emulator=qemu-aarch64
packages=(g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
build=build/aarch64

say() { echo "test-aarch64: $*"; }
there() { command -v "$1" >/dev/null; }

if [[ $required == yes ]] && ! { there $compiler && there $emulator; }; then
    say "installing ${packages[*]}"
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null; } ||
        say "apt-get could not install them"
fi

if ! there $compiler; then
    if [[ $required == yes ]]; then
        say "FAILED: there is no $compiler, so nothing was compiled"
        exit 1
    fi
    say "SKIPPED: there is no $compiler (Debian: apt install ${packages[*]})"
    exit 0
fi

# Static, so that the emulator needs no libraries of the target.
cmake -S . -B $build -G Ninja -DZIPNN_TESTS=ON -DZIPNN_WERROR=ON -DCMAKE_SYSTEM_NAME=Linux \
    -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=$compiler -DCMAKE_EXE_LINKER_FLAGS=-static \
    -DCMAKE_CROSSCOMPILING_EMULATOR=$emulator
cmake --build $build

if ! there $emulator; then
    say "COMPILED, NOT RUN: there is no $emulator (Debian: apt install qemu-user)"
    exit 0
fi
ctest --test-dir $build --output-on-failure
