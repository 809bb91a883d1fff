# Two commands do everything on a machine with Python 3.11+, pip and make:
#   make bench   installs into .venv and runs the main job
#   make test    installs into .venv and passes the tests
# `make check` adds lint, types and import contracts; `make soak` runs the long versions of some tests for hours.
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
READY = $(VENV)/.ready
# Everywhere, or pip replaces the CPU build of torch by gigabytes of CUDA packages.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints-cpu.txt

export HF_HUB_OFFLINE = 1

.PHONY: bench test lint check soak clean

bench: $(READY)
	$(BIN)/pc3dad bench

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile

# Types and import contracts are checked on an installed copy, where cli/ and baselines/ are parts of pc3dad.
lint: COPY := $(shell mktemp -d)
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build
	$(PIP) --no-deps --target $(COPY) .
	cd $(COPY) && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml -p pc3dad
	cd $(COPY) && $(abspath $(BIN))/lint-imports --config $(CURDIR)/pyproject.toml --no-cache
	rm -rf build $(COPY)

check: lint test

# Kills, faults and property tests in their long versions, then every reader under a coverage-guided fuzzer.
soak: SECONDS_PER_FORMAT ?= 1800
soak: $(READY)
	PC3DAD_SOAK=1 $(BIN)/python -m pytest tests/integration tests/fuzz tests/unit/io
	$(PIP) -e '.[fuzz]'
	$(BIN)/python scripts/fuzz_readers.py --all --seconds $(SECONDS_PER_FORMAT)

$(READY): pyproject.toml setup.py constraints-cpu.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) "$$(grep '^torch==' constraints-cpu.txt)"
	$(PIP) -e '.[dev]'
	touch $@

clean:
	rm -rf build dist .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
