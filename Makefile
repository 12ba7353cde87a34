# `make demo` and `make test` do all the set-up they need: a virtual environment in .venv, then the package.
# With a GPU change this one line (or say it on the command line), keeping the version of constraints.txt, to a CUDA
# build of your driver's, such as TORCH = torch==2.13.0+cu130 --extra-index-url <PyTorch's index of that build>.
TORCH ?= torch==2.13.0
# Python 3.11 or newer.
PYTHON ?= python3
# Such as PYTEST_ARGS="--real-data DIR" or DEMO_ARGS="--out DIR --surfaces DIR".
PYTEST_ARGS ?=
DEMO_ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
READY := .venv/.ready
# Two test workers on two cores: a library that starts threads of its own would only fight its neighbour.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-faults lint clean
.DELETE_ON_ERROR:

help:
	@echo "make demo       the whole method on a synthetic brain, then a report (about 15 minutes on two cores)"
	@echo "make test       lint, types, layers and all tests"
	@echo "make test-fast  only the tests that take no more than a few seconds"
	@echo "make test-faults  killed processes, full disks, damaged files: what is finished stays"
	@echo "make lint       lint, types and layers"
	@echo "make setup      only the set-up"
	@echo "make clean      removes .venv and caches; runs and data stay"

setup: $(READY)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gennari needs Python 3.11 or newer, got " + sys.version.split()[0] + "; say which one with make PYTHON=python3.12")'
	@# Some systems ship venv without ensurepip; then the pip outside builds the one inside.
	$(PYTHON) -m venv .venv || { $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python $(BIN)/python install pip; }

# torch first and by itself, so that nothing else decides which of its builds is drawn in.
$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt $(TORCH)
	$(PIP) install -c constraints.txt -e '.[test]'
	@touch $@

demo: $(READY)
	$(BIN)/gennari demo $(DEMO_ARGS)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/lint-imports

test: lint
	$(ONE_THREAD) $(BIN)/pytest -n 2 tests $(PYTEST_ARGS)

# Without the checks of shapes, a fifth of its time; `make test` has them.
test-fast: $(READY)
	$(ONE_THREAD) $(BIN)/pytest -n 2 tests -m "not slow" --jaxtyping-packages= $(PYTEST_ARGS)

test-faults: $(READY)
	$(ONE_THREAD) $(BIN)/pytest -n 2 tests/faults $(PYTEST_ARGS)

clean:
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
