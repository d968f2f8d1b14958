# `make` alone lists the targets. Everything runs from .venv, made from the lock files.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK_ARGS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help venv demo test check format generate lock soak chaos bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

venv: $(VENV)/.ready ## the virtual environment, from the lock file
$(VENV)/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: ## import real exports, play a simulated organisation, show what failed and why (ONCE=1 ends by itself)
	@started=$$(date +%s); $(MAKE) --no-print-directory venv && $(BIN)/idtrail jars && \
	echo "installed in $$(( $$(date +%s) - started )) s"
	@$(BIN)/idtrail demo $(if $(ONCE),--once)

# An environment that forbids bytecode would have every process of the tests compile the libraries anew.
test soak chaos: export PYTHONDONTWRITEBYTECODE :=

test: venv ## the whole test suite, real Kafka and chDB included
	$(BIN)/python -m pytest -m "not soak" -n 4 --dist loadfile --no-loadscope-reorder

check: venv ## format, lint, types, import directions, generated files up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pages --check

format: venv ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: venv ## rewrite generated files: JSON Schemas, settings table, event pages
	$(BIN)/python -m pages

lock: venv ## resolve the dependencies again: versions and hashes, no addresses
	$(BIN)/uv pip compile $(LOCK_ARGS) --extra s3 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCK_ARGS) --group build -o requirements-build.lock
	$(BIN)/uv pip compile $(LOCK_ARGS) --extra dev --group build pyproject.toml -o requirements-dev.lock
	$(BIN)/idtrail jars --lock

soak: venv ## everything long: 200,000 events under kills and freezes, properties tried often; many minutes
	$(BIN)/python -m pytest -m "soak or hypothesis" --hypothesis-profile=thorough

chaos: venv ## of those, the ones with faults at random
	$(BIN)/python -m pytest -m soak -k chaos

bench: venv ## rates as ratios within one run
	$(BIN)/python -m bench

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
