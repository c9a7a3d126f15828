SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
DB ?= data/aggregator.db
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help run test check acceptance format quality bench conformance torture soak install-service demo docs site browse lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMP) ## Set everything up and run the main job: poll, cluster, digest (the demo where there is no internet)
	@$(BIN)/python scripts/run.py

demo: $(STAMP) ## Show everything on a small bundled newsroom, without the internet
	@$(BIN)/aggregator demo

test: $(DEV_STAMP) ## Set everything up and run the tests
	@$(BIN)/pytest -n 2

check: $(DEV_STAMP) ## What CI runs: format, lint, types, layering, generated documents, tests with coverage
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/schema_docs.py --check
	@$(BIN)/pytest -n 2 --cov --cov-report=term:skip-covered

conformance: $(DEV_STAMP) ## Print the sheet of polite polling: 72 rules and the score
	@$(BIN)/python scripts/conformance.py

torture: $(DEV_STAMP) ## Kill the cycle 200 times and compare with an undisturbed run (about 15 minutes)
	@$(BIN)/python scripts/torture.py

soak: $(DEV_STAMP) ## Live through thirty days in accelerated time and write docs/soak.md (about 15 minutes)
	@MALLOC_MMAP_THRESHOLD_=1048576 $(BIN)/python scripts/soak.py --output docs

acceptance: $(DEV_STAMP) ## The long checks: third-party feeds and pages, the labelled newsroom (skipped where absent)
	@$(BIN)/pytest -m slow -p no:randomly

format: $(DEV_STAMP) ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

quality: $(DEV_STAMP) ## Score clustering, citations and extraction against the pinned floors
	@$(BIN)/python -m benchmarks.quality

bench: $(DEV_STAMP) ## Measure the whole line beside its given parts and other programs (15 minutes); ARGS=--quick for few
	@$(BIN)/python -m benchmarks.speed $(ARGS)

docs: $(DEV_STAMP) ## Write the generated documents
	@$(BIN)/python scripts/schema_docs.py
	@$(BIN)/python scripts/query_docs.py
	@$(BIN)/python scripts/screens.py
	@$(BIN)/python scripts/walk.py

site: $(DEV_STAMP) ## Build the documentation as web pages in build/site
	@$(BIN)/mkdocs build --quiet --strict

install-service: ## Install or upgrade the systemd service (as root)
	@PYTHON=$(PYTHON) packaging/install-service.sh

browse: $(STAMP) ## Open the database in a web browser (Datasette); DB=FILE names another
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable ".[browse]"
	@$(BIN)/datasette $(DB) --metadata datasette.yaml --setting sql_time_limit_ms 20000 --open

lock: $(DEV_STAMP) ## Renew the pinned versions
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group build --output-file requirements/run.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group dev --output-file requirements/dev.txt

clean: ## Remove what make made; the database in data/ stays
	rm -rf $(VENV) build dist .coverage .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)

$(STAMP): $(VENV)/pyvenv.cfg pyproject.toml requirements/run.txt
	@echo "installing the pinned versions into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): $(STAMP) requirements/dev.txt
	@echo "installing what the tests need into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
