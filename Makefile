# Every target sets up what it needs into .venv and .cache; Python 3.11+ and make are enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: test test-kafka check demo format clean
.DEFAULT_GOAL := test

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Axion needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	@echo "Installing the dependencies into .venv (a minute or two the first time) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

clean:
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache
