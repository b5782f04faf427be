# Everything runs from a virtual environment in .venv; nothing here needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all mutants reproduce lint types bench clean

help: ## Say what there is to make
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /:/' | awk -F: '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: $(STAMP) ## Install Spikewright and its tools into .venv

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or newer, or: make setup PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"make: Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}; try: make setup PYTHON=/path/to/python")'
	$(PYTHON) -m venv $(VENV)
	# First and pinned: this version's default wheel is a CPU build, others draw gigabytes of CUDA packages.
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0 --constraint constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	# Frameworks that tests compare with; what else they ask for would replace the pinned torch.
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps norse sinabs pbr
	@touch $@

demo: setup ## Train, compile, co-simulate and estimate a small network; see out/demo/report.html
	$(BIN)/spikewright demo -o out/demo

test: setup lint types ## Lint, type check, and all tests that take less than a minute
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

test-all: setup lint types ## The same, and the slow tests
	$(BIN)/python -m pytest -n $(JOBS)

mutants: setup ## Break the RTL in every way of tests/mutants, each caught by a named test
	$(BIN)/python -m tests.mutants -j $(JOBS)

reproduce: setup ## The comparisons behind the claims of five papers (hours), and what they are worth in hardware
	for system in esl sca rkd kd lasnn; do $(BIN)/spikewright reproduce $$system || exit; done
	$(BIN)/spikewright reproduce esl --data nmnist --folds 5 -o out/reproduce/esl-nmnist
	$(BIN)/python benchmarks/systems.py

lint: setup ## Style
	$(BIN)/ruff check .

types: setup ## Types, strictly
	$(BIN)/mypy
	$(BIN)/mypy tests

bench: setup ## Measure what docs/benchmarks.md shows: sparse rows, speed of the tools, area (an hour)
	$(BIN)/python benchmarks/density.py --trained
	$(BIN)/python benchmarks/tools.py
	$(BIN)/python benchmarks/area.py
	$(BIN)/python benchmarks/area_model.py
	$(BIN)/python benchmarks/cores.py
	$(BIN)/python benchmarks/rings.py
	$(BIN)/python benchmarks/spiketrum.py
	$(BIN)/python benchmarks/spiketrum_area.py
	$(BIN)/python benchmarks/filterbank.py

clean: ## Remove everything that can be made again, .venv included
	rm -rf $(VENV) out build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
