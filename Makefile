# One target per verb, the same for people and for CI. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The program stops in its own time at Ctrl-C; make has nothing to add to that.
QUIET_AT_CTRL_C = trap : INT; $(1) || [ $$? -eq 130 ]

.PHONY: help demo run test check bench chaos docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## see whole journeys, from event to message, in the real web UI
	@$(call QUIET_AT_CTRL_C,$(BIN)/python starter.py demo)

run: $(VENV)/.installed ## run everything on this machine until Ctrl-C
	@$(call QUIET_AT_CTRL_C,$(BIN)/python starter.py run)

# All tests of a file go to one process, so that it shares the servers and workers it started. Three, because tests mostly wait.
test: $(VENV)/.installed-dev ## run all tests, on real servers that they start themselves
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: $(VENV)/.installed-dev ## judge style, types, and which way imports point
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

bench: $(VENV)/.installed-dev ## measure
	$(BIN)/python -m benchmarks

chaos: $(VENV)/.installed-dev ## take things away while messages are sent, and count: make chaos ARGS="--size 0.1"
	$(BIN)/python -m chaos $(ARGS)

docs: $(VENV)/.installed-dev ## write anew what the code tells of itself: tables, links to tests, journeys drawn
	$(BIN)/python -m docs.refresh
	$(BIN)/python starter.py draw

clean: ## remove all that was installed, built or cached, but no data
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: requirements.txt
	$(call INSTALL,$<)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt
	$(call INSTALL,$<)
	@touch $@ $(VENV)/.installed

define INSTALL
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Journeyman needs Python 3.11 or newer: try make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing $(1) into $(VENV), once; this takes about half a minute."
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV) || \
		{ echo "No virtual environment could be made; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install -qq --require-hashes -r $(1)
endef
