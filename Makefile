# Short names for the commands of the house; CONTRIBUTING.md tells what each is for. `make` alone lists them.
SETUP_VENV ?= .venv
PYTHON ?= $(SETUP_VENV)/bin/python
export SETUP_VENV PYTHON

SECONDS ?= 600
SEED ?= 0

.DEFAULT_GOAL := help
.PHONY: help check lint fast test mutants fuzz docs screenshots demo format

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

check: lint fast  ## the linters and the fast tests, in under a minute: run it before each commit

lint:  ## ruff, mypy and shellcheck
	.ci/lint

fast:  ## the tests that need neither TensorFlow nor ../shared, on all cores
	$(PYTHON) -m pytest -n auto -m "not training and not shared and not slow"

test:  ## everything that the tests need is installed, then all tests run (8 to 11 minutes)
	./setup.sh --test

mutants:  ## small faults are put into tracking.py and decision.py: how many do the tests catch?
	$(PYTHON) -m tests.mutants

fuzz:  ## hostile inputs for SECONDS (600) into all that reads from outside; SEED=1 for other inputs
	$(PYTHON) -m tests.fuzz --seconds $(SECONDS) --seed $(SEED)

docs:  ## write the generated parts of docs/ again
	PYTHONPATH=. $(PYTHON) docs/generate.py

screenshots:  ## the pictures of docs/web.md again, by a real browser (Chromium, pip install '.[browser]')
	SCREENSHOTS=docs $(PYTHON) -m pytest -m browser tests/edge/web

demo:  ## the built-in scene; annotated pictures go to demo-output/
	./setup.sh --demo

format:  ## ruff: sort imports, lay out the code
	$(PYTHON) -m ruff check --fix-only --select I .
	$(PYTHON) -m ruff format .
