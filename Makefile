# Pyeonji: `make run` starts a complete mail system, `make test` tests it.
# Needs Python 3.11 or later with venv and pip; everything else goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

.PHONY: help run test test-all check format bench lock clean

help:
	@echo "make run       start everything on loopback, with sample accounts"
	@echo "make test      install what testing needs, and run the tests"
	@echo "make test-all  the same, and real mail programs (see tests/clients/packages.txt)"
	@echo "make check     format, lint, types, import rules"
	@echo "make bench     benchmarks of single parts (benchmarks/README.md)"
	@echo "make clean     remove .venv and caches"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pyeonji needs Python 3.11 or later; say make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.ready: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/test.ready: $(VENV)/run.ready requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

run: $(VENV)/run.ready
	@$(BIN)/pyeonji dev

test: $(VENV)/test.ready
	$(BIN)/pytest -q -n $(JOBS) -m "not clients"

test-all: $(VENV)/test.ready
	tests/clients/unpack
	$(BIN)/pytest -q -n $(JOBS) -m "not clients"
	$(BIN)/pytest -q -m clients

check: $(VENV)/test.ready
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test.ready
	$(BIN)/ruff check --fix-only src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

bench: $(VENV)/test.ready
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# After a change of dependencies in pyproject.toml (needs uv).
lock:
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header -o requirements.lock pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --group dev -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
