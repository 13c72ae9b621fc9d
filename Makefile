# make demo    everything on this machine, with a virtual fleet, until Ctrl-C
# make serve   the server for real devices (ARGS="--port 9090" and the like go to `homie-ota serve`)
# make test    every check: format, lint, types, room contracts, tests (TESTS="tests/test_x.py -k word" for a part)
# make bench   the benchmarks, each beside its reference (ARGS chooses some)
# make inspection  docs/reference/inspection.md anew: every file the inspection was tried with, and every miss
# make screenshots  docs/screenshots/ anew: a picture of every page
# make strings  src/homie_ota/web/locale/homie-ota.pot anew: every text of the pages, for translators
# make docs    the documents as pages, in build/docs (and what in docs/ is made from the code, anew)
# make fuzz    ten minutes of fuzzing what reads strangers' bytes (ARGS=3600 for an hour)
#
# All of them set up .venv first; they need only Python 3.11 or newer with venv, and make.

BIN := .venv/bin
ARGS ?=
TESTS ?=

.PHONY: help demo serve test bench inspection screenshots strings fuzz setup setup-dev packages format lint types contracts tests docs lock clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed '/^$$/,$$d'

demo: setup
	@exec $(BIN)/homie-ota demo $(ARGS)

serve: setup
	@exec $(BIN)/homie-ota serve $(ARGS)

test: packages setup-dev
	@$(MAKE) --no-print-directory lint types contracts tests

bench: packages setup-dev
	@exec $(BIN)/python -m bench $(ARGS)

inspection: setup-dev
	@PYTHONPATH=tests exec $(BIN)/python scripts/inspection.py

screenshots: packages setup-dev
	@PYTHONPATH=tests exec $(BIN)/python scripts/screenshots.py $(ARGS)

strings: setup-dev
	@exec $(BIN)/python scripts/strings.py

fuzz: setup-dev
	@PYTHONPATH=tests exec $(BIN)/python -m fuzz $(ARGS)

# --- what the four are made of ---

setup:
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh dev

packages:
	@scripts/packages.sh

format:
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint:
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types:
	$(BIN)/mypy

contracts:
	$(BIN)/lint-imports

# All of them in several processes, one more than there are cores, for many tests wait; a part of them in one.
tests:
	$(BIN)/pytest $(if $(TESTS),$(TESTS),-n $(shell expr $$(nproc) + 1) --dist worksteal)

# docs/explanation/architecture.md: the table of modules, from their docstrings; docs/reference/lifecycle.md: the life of a deployment;
# docs/reference/api.md: the routes and errors of the API; docs/reference/commands.md: the commands and their options;
# then all of docs/ as pages in build/docs, where a link that leads nowhere is an error
docs: setup-dev
	$(BIN)/python scripts/architecture.py
	$(BIN)/python scripts/lifecycle.py
	$(BIN)/python scripts/apipage.py
	$(BIN)/python scripts/commands.py
	$(BIN)/python scripts/docsite.py

# requirements*.txt from requirements*.in (ARGS=--upgrade for newer versions)
lock:
	scripts/lock.sh $(ARGS)

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
