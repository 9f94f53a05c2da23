.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8080

.PHONY: help run test faults check bench lock contracts image clean overload soak chaos hangups races

help: ## What can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what is locked into .venv (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: .venv/ready ## Start the hub with the sandbox on http://127.0.0.1:8080 (PORT= changes it)
	@$(BIN)/hub serve --sandbox --port $(PORT)

test: .venv/ready ## Run every test; the faults by themselves, for they are about time
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --ignore tests/faults
	@$(BIN)/python -m pytest tests/faults -n 2 --dist loadfile

faults: .venv/ready ## Run the faults: the matrix, pairs, load, hang-ups, the ledger's disk
	@$(BIN)/python -m pytest tests/faults -n 2 --dist loadfile

chaos: .venv/ready ## Let sources fall ill at random under load, judged by the ledger (SEED= SECONDS=60)
	@$(BIN)/python -m tests.chaos --seed "$(SEED)" --seconds $(or $(SECONDS),60)

hangups: .venv/ready ## Let 10,000 callers hang up on the whole hub, and see what is left (CLIENTS=)
	@$(BIN)/python -m tests.chaos.hangups --clients $(or $(CLIENTS),10000)

races: .venv/ready ## Run 10,000 interleavings of two purposes about one citizen
	@HUB_INTERLEAVINGS=10000 $(BIN)/python -m pytest tests/property/test_purposes_apart.py

check: .venv/ready ## Lint, types, imports, budgets, mappings, contracts
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/architecture
	@$(BIN)/bandit --quiet --recursive hub connectors -ll
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/hub mappings check
	@$(BIN)/hub purposes table > /dev/null
	@$(BIN)/hub contracts --check

overload: .venv/ready ## Offer ten times what the hub can take, and print what it answers
	@$(BIN)/python -m tests.bench overload

soak: .venv/ready ## Ten minutes at half capacity: memory, tasks and sockets (SECONDS= changes it)
	@$(BIN)/python -m tests.bench.soak $(or $(SECONDS),600)

bench: .venv/ready ## Measure, and print each figure with its bound
	@$(BIN)/python -m tests.bench

lock: ## Lock the dependencies by hash
	@test -x $(BIN)/uv || ($(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate pyproject.toml --group dev -o requirements-dev.lock

contracts: .venv/ready ## Regenerate contracts/hub and the mapping tables
	@$(BIN)/hub contracts

image: ## Build the container image
	docker build --tag posicion-integral .

clean: ## Remove the environment and the sandbox's state
	rm -rf .venv var
