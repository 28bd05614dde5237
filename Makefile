# Chores. `make` lists them.
.DEFAULT_GOAL := help
PY := .venv/bin/python
LOCKED := .venv/locked-with-$(shell cksum < requirements.lock | tr ' ' '-')

.PHONY: help venv demo test test-all test-slurm lint format lock clean

help: ## list the chores
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

venv: $(LOCKED) ## make .venv from requirements.lock (uv where present, else pip)

$(LOCKED): requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --clear --python '>=3.11' .venv && \
	  uv pip install --quiet --python $(PY) --compile-bytecode --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(PY) --no-deps -e . ; \
	else \
	  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, found " + sys.version.split()[0])' && \
	  python3 -m venv --clear .venv && \
	  $(PY) -m pip install --quiet --require-hashes -r requirements.lock && \
	  $(PY) -m pip install --quiet --no-deps -e . ; \
	fi
	@touch $@

demo: venv ## generate the phantom, train, explain, report: about four minutes on two cores
	$(PY) scripts/train.py

test: venv ## the quick test suite, on all cores
	$(PY) -m pytest -n auto --dist loadfile

test-all: venv ## all tests, slow members of families included
	$(PY) -m pytest -m "not slurm"

test-slurm: venv ## sweeps on a real Slurm, started for them as root; skipped where it is not installed
	$(PY) -m pytest -m slurm tests/integration/slurm

lint: venv ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: venv ## let ruff format and mend what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --no-emit-index-url --generate-hashes --upgrade -o requirements.lock

clean: ## remove caches of tools; runs, data and .venv stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
