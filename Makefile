# make demo         environment, install, the expressions on a photo     make test    the whole suite, on the newest versions
# make test-lowest  inference on the lowest declared versions            make lint    style, types, import contracts
# make test-newest  inference on the newest Python that is found         make docs    the site, every link checked
# make soak         long runs of the fuzz and kill tests, random seeds   make wheel   wheel, sdist and container, tried
# make weights      train the shipped models anew (many hours)           make clean   remove what these made
# The three suites print the versions they ran with.

PYTHON ?= python3
VENV ?= .venv
PHOTO ?=
DATA ?= data/ferplus
LFW ?= data/lfw
# One build of torch for tests, named in the command that installs the rest so that nothing asks for another.
TORCH ?= torch==2.13.0
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
CODE = src tests benchmarks experiments tools examples notebooks docs
# Many tests wait for servers, so there are two at a time; a file stays in one process, and what its tests share is made
# once.
PAIRS = -n 2 --dist loadfile
# Old versions warn of each other's deprecations, so warnings are no errors there; coverage is measured once, by `test`,
# and what is slow (kills, fuzzing by schema, browsers that play videos) runs once, too.
ELSEWHERE = -m pytest $(PAIRS) -p no:cacheprovider -W default -m "not slow" tests

.PHONY: demo test test-bridges test-lowest test-newest soak lint docs wheel weights clean

demo: $(VENV)/bin/python
	@echo "1/2 installing mien into $(VENV) (numpy, Pillow, onnxruntime, and a picture to read)"
	@$(PIP) -e '.[demo]'
	@echo "2/2 reading the expression on every face of $(or $(PHOTO),a public-domain portrait)"
	@$(VENV)/bin/python examples/demo.py demo $(PHOTO)

test: $(VENV)/bin/python
	$(PIP) $(TORCH) -e '.[test]'
	$(VENV)/bin/python -m pip list --disable-pip-version-check
	$(VENV)/bin/python -m pytest $(PAIRS) --durations 20 --cov=mien --cov-report=term:skip-covered

# The lowest versions that pyproject.toml declares, chosen by uv. conftest.py leaves out what needs torch.
test-lowest: $(VENV)/bin/python
	$(PIP) uv
	$(VENV)/bin/uv venv --quiet --clear --python $(PYTHON) .venv-lowest
	$(VENV)/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct -e '.[test-inference]'
	$(VENV)/bin/uv pip list --python .venv-lowest/bin/python
	.venv-lowest/bin/python $(ELSEWHERE)

# No torch here: its CPU build exists for one version of Python only, and inference never needs it.
test-newest: $(VENV)/bin/python
	$(PIP) uv
	$(VENV)/bin/uv venv --quiet --clear --python "$$($(VENV)/bin/python tools/newest_python.py)" .venv-newest
	$(VENV)/bin/uv pip install --quiet --python .venv-newest/bin/python --upgrade -e '.[test-inference]'
	$(VENV)/bin/uv pip list --python .venv-newest/bin/python
	.venv-newest/bin/python $(ELSEWHERE)

# The real packages that results are handed to, in an environment of their own.
test-bridges: $(VENV)/bin/python
	$(PYTHON) -m venv .venv-bridges
	.venv-bridges/bin/python -m pip install --quiet -e '.[test-bridges]'
	.venv-bridges/bin/python -m pytest -p no:cacheprovider -W default tests/interop

soak: $(VENV)/bin/python
	$(PIP) $(TORCH) -e '.[test]'
	$(VENV)/bin/python -m pytest --soak tests

lint: $(VENV)/bin/python
	$(PIP) $(TORCH) -e '.[test,lint]'
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/ruff format --check $(CODE)
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/bin/python
	$(PIP) $(TORCH) -e '.[docs,train]'
	$(VENV)/bin/python -m mkdocs build --strict

wheel: $(VENV)/bin/python
	$(PIP) build
	rm -rf dist
	$(VENV)/bin/python -m build > /dev/null
	$(VENV)/bin/python tools/try_wheel.py dist
	$(PYTHON) tools/try_container.py

weights: $(VENV)/bin/python
	$(PIP) $(TORCH) -e '.[train]'
	$(VENV)/bin/mien train --all shipped --data $(DATA) --data lfw=$(LFW) --out runs

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest .venv-bridges demo dist site
