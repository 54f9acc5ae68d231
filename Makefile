# Every target sets up what it needs into .venv and .cache; Python 3.11+ and make are enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: test test-kafka test-slow bench check demo demo-platform docs release-check format clean
.DEFAULT_GOAL := test

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Axion needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	@echo "Installing the dependencies into .venv (a minute or two the first time) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

.venv/installed-bench: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

test: .venv/installed ## everything that needs neither Java nor Docker
	$(BIN)/python -m pytest -m "not kafka and not slow" $(PYTEST_OPTIONS)

test-kafka: .venv/installed ## what needs a real Apache Kafka: Java 17+ and Maven fetch and run it
	$(BIN)/python -m pytest -m "kafka and not slow" $(PYTEST_OPTIONS)

test-slow: .venv/installed ## what takes minutes each; most of it needs Kafka too
	$(BIN)/python -m pytest -m slow $(PYTEST_OPTIONS)

bench: .venv/installed-bench ## speed beside peers; BENCH="consume emit", BENCH_OPTIONS="--brokers embedded --rounds 3"
	$(BIN)/python -m benchmarks $(BENCH) $(BENCH_OPTIONS)

check: .venv/installed ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy generator tests examples benchmarks

demo: .venv/installed ## the whole product on one line, in under a minute
	$(BIN)/python examples/demo.py

demo-platform: .venv/installed ## gateway, service and worker together, one of them killed, in a minute or two
	$(BIN)/python -m examples.demo_platform

docs: .venv/installed ## the documentation as a site, .cache/docs/index.html; a link that leads nowhere is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs .cache/docs
	@echo "The documentation is in .cache/docs/index.html"

release-check: .venv/installed ## before a tag: what an update needs for ever, and updates from every version
	$(BIN)/python -m tests.blueprint.release_check
	$(BIN)/python -m pytest -m "slow or not slow" tests/blueprint/update $(PYTEST_OPTIONS)

format: .venv/installed
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache
