# make up        the whole path on this machine: emulator, functions, sidecar, stand-ins
# make test      all layers of tests
# make check     format, lint, strict types, import rules, generated files
# make bench     speed as ratios in one run; ONLY=NAME for one of them
# make fuzz      what reads messages, by coverage, and the shim; ONLY=TARGET, SECONDS=60 for each
# make pack      the functions' packages for Function Compute (s deploy calls it)
# make generate  what is generated from functions/verdict/, and the emulator's coverage page
# make fix       what tools can mend
# make lock      pin the dependencies anew

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PYTEST := $(BIN)/python -m pytest

.PHONY: help up test check bench fuzz pack generate fix lock clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile 

$(INSTALLED): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else f"Meshward needs Python 3.11, $(PYTHON) is {sys.version.split()[0]}; set PYTHON=python3.11")'
	@echo "Installing the pinned dependencies into $(VENV) (once, about a minute) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

up: $(INSTALLED)
	@exec $(BIN)/meshward up

test: $(INSTALLED)
	@$(PYTEST) -n 2 --dist loadfile

check: $(INSTALLED)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m ziglang fmt --check mesh/shim
	@$(BIN)/python -m infra.contract check
	@$(BIN)/python -m infra.emulator.coverage check

bench: $(INSTALLED)
	@$(BIN)/python -m tests.bench $(ONLY)

fuzz: $(INSTALLED)
	@$(BIN)/python -m tests.fuzz $(ONLY) $(SECONDS)

pack: $(INSTALLED)
	@$(BIN)/meshward pack

generate: $(INSTALLED)
	@$(BIN)/python -m infra.contract generate
	@$(BIN)/python -m infra.emulator.coverage

fix: $(INSTALLED)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python -m ziglang fmt mesh/shim

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links

lock: $(INSTALLED)
	@$(LOCK) requirements/dev.in -o requirements/dev.txt
	@$(LOCK) -c requirements/dev.txt requirements/bench.in -o requirements/bench.txt
	@$(LOCK) --no-deps requirements/peers.in -o requirements/peers.txt
	@for f in functions/*/requirements.in; do $(LOCK) -c requirements/dev.txt $$f -o $${f%.in}.txt; done

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
