# All the set-up there is: Python 3.11 or later, and make. Every target makes and renews .venv by itself.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
APT    := apt-get install python3 python3-venv

# A node is many processes: without bytecode each of them compiles all modules again, and so does pytest.
unexport PYTHONDONTWRITEBYTECODE

PARTS := verify-tests verify-format verify-lint verify-types verify-simulations

.DEFAULT_GOAL := help
.PHONY: help run test verify $(PARTS) fix bench docs sim models drill soak clean

# Only the parts of `verify` run side by side.
ifeq ($(filter verify-%,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## Start a node, run a small demonstration, stop. KEEP=1 leaves the node running
	@$(BIN)/mainspring demo $(if $(KEEP),--keep)

test: $(VENV)/.installed-dev ## Run every test, those that start real processes included
	@$(BIN)/python -m pytest -n 2 --dist loadfile

verify: $(VENV)/.installed-dev ## Check format, lint, types, tidiness, unit tests and a short simulation; changes nothing
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target $(PARTS)

verify-tests: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not integration and not slow' --hypothesis-profile=mainspring-short

verify-format: $(VENV)/.installed-dev
	@$(BIN)/ruff format --check --quiet . || { echo 'verify: the files above are not formatted; run: make fix' >&2; exit 1; }

verify-lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check --quiet .

verify-types: $(VENV)/.installed-dev
	@$(BIN)/pyright

verify-simulations: $(VENV)/.installed-dev
	@$(BIN)/mainspring simulate --seeds 20
	@$(BIN)/mainspring simulate --members 3 --seeds 4

fix: $(VENV)/.installed-dev ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: $(VENV)/.installed-dev ## Measure throughput and latency on this machine. ARGS=… is passed on
	@$(BIN)/mainspring bench $(ARGS)

docs: $(VENV)/.installed-dev ## Print again the pages that come from code
	@$(BIN)/python -m mainspring.nodes.docs

sim: $(VENV)/.installed-dev ## Run one simulated cluster: make sim SEED=42
	@$(BIN)/mainspring simulate $(if $(SEED),--seed $(SEED)) $(ARGS)

models: $(VENV)/.installed-dev ## Search all states of the protocol's models (needs spin and gcc)
	@command -v spin >/dev/null || { echo 'make: there is no spin here; on Debian run: apt-get install spin gcc' >&2; exit 1; }
	@$(BIN)/python -m pytest -q tests/chaos/test_spin_models.py

drill: $(VENV)/.installed ## Do a real fault to three real nodes: make drill NAME=kill-leader (as root; NAME=list shows all)
	@$(BIN)/mainspring drill $(or $(NAME),list) $(ARGS)

soak: $(VENV)/.installed ## Do all real faults to real nodes, as root: about an hour, or more with ROUNDS=50
	@$(BIN)/mainspring drill all $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

clean: ## Remove .venv, caches and build output
	rm -rf $(VENV) build dist mainspring.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps stand for an installation that matches pyproject.toml; a change there installs again.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo 'installing mainspring into $(VENV)'
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo 'installing mainspring and its development tools into $(VENV)'
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo 'make: there is no $(PYTHON) here; on Debian run: $(APT)' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: $$($(PYTHON) --version) is too old, 3.11 is needed; name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'make: this $(PYTHON) cannot make virtual environments; on Debian run: $(APT)' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
