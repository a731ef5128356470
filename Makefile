# Fillwell: `make` alone says what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8501
export PORT
# One more than there are cores: a test that waits for a disk or a browser leaves its core to another.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(BIN)/fillwell ## Make .venv with the product in it; .venv/bin/fillwell is the program
$(BIN)/fillwell: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/run.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $(BIN)/fillwell

$(BIN)/.dev: requirements/dev.txt $(BIN)/fillwell
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/dev.txt
	@touch $(BIN)/.dev

run: setup ## Serve the desk with the demo shop at http://127.0.0.1:8501 (PORT=… for another)
	@$(BIN)/fillwell start

test: $(BIN)/.dev ## Run the tests (a few minutes)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-longer: $(BIN)/.dev ## Run the longer tests: a browser, whole years, deaths (minutes)
	@$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist loadfile --no-loadscope-reorder --timeout 900

test-counterparts: $(BIN)/.dev ## Install a real Medusa and a real Tryton, and prove both adapters against them (minutes)
	@$(BIN)/python -m tests.counterparts install
	@$(BIN)/python -m pytest -m counterparts -n 2 --dist loadfile --no-loadscope-reorder tests/counterparts

counterparts: $(BIN)/.dev ## Serve a real Medusa and a real Tryton to practise on; addresses and keys in practice/
	@$(BIN)/python -m tests.counterparts practice practice

check: $(BIN)/.dev ## Lint, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

demo: setup ## Run the whole loop without the desk and say what became of it
	@$(BIN)/fillwell demo --check --format json

$(BIN)/.bench: requirements/bench.txt $(BIN)/.dev
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/bench.txt
	@touch $(BIN)/.bench

bench: $(BIN)/.bench ## Measure beside the peers; writes benchmarks/results.json
	@$(BIN)/python -m benchmarks

trials: $(BIN)/.dev ## Run the long trials, also against the two real systems (hours)
	@$(BIN)/python -m tests.counterparts install
	@FILLWELL_TRIALS=1 $(BIN)/python -m pytest -m "slow or counterparts or not slow" --timeout 7200

constraints: ## Pin the newest versions that fit, without any address
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q uv
	@for part in run dev bench; do \
	  groups=$$([ $$part = run ] || echo "--group dev"); [ $$part != bench ] || groups="--group dev --group bench"; \
	  $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make constraints" $$groups pyproject.toml -o requirements/$$part.txt; done

clean: ## Remove what was made
	rm -rf .venv dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup run test test-longer test-counterparts counterparts check demo bench trials constraints clean
