# Everything that people and CI do here. Needs make and a Python >= 3.11, nothing else: `make` lists the targets.

VENV   := .venv
BIN    := $(VENV)/bin
SEEDS  ?= 100
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check sim soak bench format clean always

help: ## this list
	@echo "make TARGET [ARGS='more arguments for the tool']"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 10

# --- the environment -------------------------------------------------------------------------------
# A .venv is used only if its interpreter runs, is new enough, and was made for this very folder: one that was
# copied or moved here would run the programs of another checkout. Otherwise it is made anew.

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$python && break; done)
usable = $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& grep -qF '$(CURDIR)/$(BIN)/python' $(BIN)/pip 2>/dev/null
INPUTS := pyproject.toml constraints.txt $(shell $(usable) || echo always)

define install
	@$(usable) || { \
		if [ -z "$(PYTHON)" ]; then \
			echo "syncd needs Python 3.11 or newer with its venv module, and none was found." >&2; \
			echo "Install one (Debian: apt-get install python3-venv), or say: make PYTHON=/path/to/python" >&2; \
			exit 1; \
		fi; \
		echo "making $(VENV) with $(PYTHON)"; \
		rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); \
	}
	@echo "installing syncd and what it needs into $(VENV)"
	@$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
endef

$(VENV)/.ready: EXTRAS := sqlite,fast
$(VENV)/.ready: $(INPUTS)
	$(install)

$(VENV)/.ready-dev: EXTRAS := dev,sqlite,fast
$(VENV)/.ready-dev: $(INPUTS)
	$(install)
	@touch $(VENV)/.ready

setup: $(VENV)/.ready-dev ## make .venv with everything, tools for development too

# --- using it --------------------------------------------------------------------------------------

demo: $(VENV)/.ready ## a simulated shop, mirrored: ends with a report made in SQL
	@$(BIN)/syncd demo $(ARGS)

test: setup ## all tests, on SQLite and a real PostgreSQL
	@$(BIN)/python -m pytest -n 2 -m "not soak" $(ARGS)

check: setup ## style, types, and the rules of the house
	@failed=; \
	$(BIN)/ruff check . || failed=1; \
	$(BIN)/ruff format --check . || failed=1; \
	$(BIN)/mypy || failed=1; \
	$(BIN)/python -m pytest -q tests/house/test_layers.py tests/house/test_tidy.py || failed=1; \
	test -z "$$failed"

format: setup ## put the code in shape
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format .

sim: setup ## whole daemons on simulated time, with SEEDS=100 seeds
	@$(BIN)/python -m tests.sim --seeds $(SEEDS) $(ARGS)
	@$(BIN)/python -m tests.sim --push --seeds $$((2 * $(SEEDS))) $(ARGS)

soak: setup ## the same against real time: minutes
	@$(BIN)/python -m pytest -s -m soak $(ARGS)

bench: setup ## measure, and print a table
	@$(BIN)/python -m bench $(ARGS)

clean: ## remove what tools and builds leave behind, and the environment
	@rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

always:
