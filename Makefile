# SPDX-License-Identifier: MIT
#
# make demo           set everything up, then compress, verify, load and restore a real model
# make test           lint, C++ tests and Python tests
# make test-sanitize  C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer
# make test-aarch64   C++ tests built for aarch64 and run under QEMU, if its tools are there
# make test-matrix    load compressed models with older versions of transformers and safetensors
# make bench          measure zipnn beside its peers (about ten minutes), write docs/benchmarks.*
# make bench-quick    the same for one buffer, three runs, into .bench/quick
# make build          only build and install the package into $(VENV)
# make lint, make format, make clean
#
# Needs Python 3.10 or later, a C++20 compiler and pip; everything else comes from PyPI.

PYTHON ?= python3
VENV ?= .venv
# `make test TORCH=` leaves torch out; the tests that need it are then skipped.
TORCH ?= torch==2.13.0
# It asks for torchvision, whose builds do not fit that of torch; the tests put something in its place.
TIMM := timm==1.0.31
BUILD_TOOLS := scikit-build-core==1.1.2 nanobind==3.1.0 cmake==4.4.5 ninja==1.13.2

BIN := $(VENV)/bin
PEERS := .bench/peers
PIP := $(BIN)/python -m pip --disable-pip-version-check
CPP := $(shell find cpp -name '*.[ch]pp' -not -path 'cpp/tests/*')
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: bench bench-quick build demo lint format test test-cpp test-python test-matrix test-sanitize test-aarch64 clean

build: $(VENV)/built

demo: $(VENV)/built
	$(BIN)/python -m scripts.demo

test: lint test-cpp test-python

lint: $(VENV)/tested
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	find cpp -name '*.[ch]pp' | xargs $(BIN)/clang-format --dry-run --Werror

format: $(VENV)/tested
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	find cpp -name '*.[ch]pp' | xargs $(BIN)/clang-format -i

test-cpp: $(VENV)/tools
	$(BIN)/cmake -S . -B build/test -G Ninja -DZIPNN_TESTS=ON -DZIPNN_WERROR=ON
	$(BIN)/cmake --build build/test
	$(BIN)/ctest --test-dir build/test --output-on-failure

test-sanitize: $(VENV)/tools
	$(BIN)/cmake -S . -B build/sanitize -G Ninja -DZIPNN_TESTS=ON -DZIPNN_WERROR=ON -DZIPNN_SANITIZE=ON
	$(BIN)/cmake --build build/sanitize
	$(BIN)/ctest --test-dir build/sanitize --output-on-failure

test-aarch64: $(VENV)/tools
	scripts/test_aarch64.sh $(if $(CI),--required)

test-python: $(VENV)/tested $(VENV)/built $(if $(TORCH),$(VENV)/old/made $(VENV)/older/made)
	$(BIN)/python -m pytest

test-matrix: $(VENV)/tested $(VENV)/built
	$(BIN)/python -m scripts.test_matrix $(VENV)/matrix

bench: $(VENV)/tested $(VENV)/built $(PEERS)/made
	$(BIN)/python -m benchmarks.run --peers $(PEERS)

bench-quick: $(VENV)/tested $(VENV)/built $(PEERS)/made
	$(BIN)/python -m benchmarks.run --peers $(PEERS) --quick

clean:
	rm -rf build dist .bench $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The files in $(VENV) stand for steps that were completed; each names what the step depends on.

$(VENV)/tools: Makefile
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	$(PIP) install --quiet $(BUILD_TOOLS)
	touch $@

$(VENV)/built: $(VENV)/tools CMakeLists.txt pyproject.toml $(CPP)
	$(PIP) install --quiet --no-build-isolation --editable .
	touch $@

# torch comes first, so that no other package brings a different one; what is for URLs comes last and apart,
# since pip takes minutes to find which of its packages go together once there is anything else to choose.
$(VENV)/tested: $(VENV)/tools pyproject.toml
	$(if $(TORCH),$(PIP) install --quiet $(TORCH))
	$(PIP) install --quiet --group test --group formats --group lint
	$(if $(TORCH),$(PIP) install --quiet $(TORCH) --group hf --group checkpoints)
	$(if $(TORCH),$(PIP) install --quiet --no-deps $(TIMM))
	$(PIP) install --quiet --group remote
	touch $@

# The release before 1.0, and one that published models were written by, apart since the package has the same
# name. Where pip cannot install one, its tests are skipped.
$(VENV)/old/made: $(VENV)/tested scripts/old_release.py
	$(BIN)/python -m scripts.old_release $(@D)

$(VENV)/older/made: $(VENV)/tested scripts/old_release.py
	$(BIN)/python -m scripts.old_release $(@D) 0.4.0

# Apart, for one of the peers is a package called zipnn too.
$(PEERS)/made: benchmarks/peers.txt benchmarks/environment.py
	$(PYTHON) -m benchmarks.environment $(PEERS)
