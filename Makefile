# make demo   environment, install, the expressions on a photo      make test   the whole suite
# make lint   style, types, import contracts                        make clean  remove what these made

PYTHON ?= python3
VENV ?= .venv
PHOTO ?=
# One build of torch for tests, named in the command that installs the rest so that nothing asks for another.
TORCH ?= torch==2.13.0
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint clean

demo: $(VENV)/bin/python
	$(PIP) -e '.[demo]'
	@$(VENV)/bin/python examples/demo.py demo $(PHOTO)

test: $(VENV)/bin/python
	$(PIP) $(TORCH) -e '.[test]'
	$(VENV)/bin/python -m pytest --cov=mien --cov-report=term:skip-covered

lint: $(VENV)/bin/python
	$(PIP) $(TORCH) -e '.[test,lint]'
	$(VENV)/bin/ruff check src tests benchmarks experiments tools examples notebooks docs
	$(VENV)/bin/ruff format --check src tests benchmarks experiments tools examples notebooks docs
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) demo
