# `make quickstart` and `make test` are all that a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := .venv-core

.PHONY: env peers quickstart test test-slow test-core lint format clean

env: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Mowa needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	@touch $@

# Other programs that slow and fast tests compare ours with, where they are installed.
peers: env
	$(BIN)/python -m pip install --quiet --editable '.[lm-eval]' 'accelerate>=1,<2' 'peft>=0.19,<1'

quickstart: env
	$(BIN)/mowa quickstart

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: lint
	$(BIN)/pytest -n 2 --cov=mowa --cov-report=term-missing:skip-covered --cov-fail-under=90

test-slow: env
	$(BIN)/pytest -m slow -n 2 --dist loadgroup

# Only the core dependencies: the command line, a dry run and the import work, torch is not there.
test-core:
	$(PYTHON) -m venv --clear $(CORE)
	$(CORE)/bin/python -m pip install --quiet .
	sh tests/core_only.sh $(CORE)/bin

clean:
	rm -rf $(VENV) $(CORE) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
