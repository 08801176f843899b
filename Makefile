# Each target makes the virtual environment by itself; a second call finds it ready.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo bench test lowest check wheel-test audit generated train compare format clean install uninstall soak
.DEFAULT_GOAL := test

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, found " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## the whole path on real recordings: server, daemon, subscriber
	@$(BIN)/python tools/demo.py

bench: $(READY) ## what is reached, measured here: 40 minutes; writes the tables of docs/benchmarks.md
	$(BIN)/python tools/benchmark.py --json docs/benchmarks.json --document docs/benchmarks.md

check: $(READY) ## style, types and the one-way rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## everything that CI runs; two files at a time, since most tests wait for processes
	$(BIN)/python -m pytest -n 2 --dist loadfile

lowest: ## the same tests with the least versions of what the package needs, in an environment of their own
	$(PYTHON) -m venv build/lowest
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check -c tests/constraints-lowest.txt -e '.[dev]'
	build/lowest/bin/python -m pytest -n 2 --dist loadfile

wheel-test: $(READY) ## build the wheel, install it with all dependencies elsewhere, use it there
	$(BIN)/python tools/wheel_test.py --full

audit: ## known vulnerabilities of the pinned packages; needs the internet's vulnerability service
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

generated: $(READY) ## default file, JSON Schema and docs of the configuration, from umamba_rt/config/
	$(BIN)/python tools/generate.py

soak: $(READY) ## faults, clock steps, overload and rest, 70 minutes of 100 stations; needs the machine for itself, root for the full disk, faketime
	$(BIN)/python tools/soak.py ../shared/data/ridgecrest/sds --start 2019-07-04T17:30:00 --end 2019-07-04T17:40:00 \
	    --stations 100 --minutes 60 --speed 2.5 --every-s 150 --live-s 120 --output docs/soak.json

install: ## as a service of this machine: user, folders, /opt/umamba-rt, units (root; tools/install.sh --help)
	tools/install.sh

uninstall: ## the other way; configuration and state stay
	tools/install.sh --uninstall

train: $(READY) ## the shipped weights anew, an hour a model; ended, it goes on when started again
	$(BIN)/python tools/train.py run config/training/v2-1.toml --output runs/v2-1
	$(BIN)/python tools/train.py run config/training/v2.toml --output runs/v2
	$(BIN)/python tools/train.py run config/training/v1.toml --output runs/v1

compare: $(READY) ## V1 against V2 and what each choice is worth: what docs/comparison lacks, goes on likewise
	$(BIN)/python tools/compare.py config/training/compare.toml --dataset ../shared/data/real --output docs/comparison

format: $(READY) ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
