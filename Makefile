# Every command sets up what it needs: a virtual environment in .venv, and in it the extras of
# pyproject.toml that the command uses. Only python3 with pip, make and git have to be there.

PYTHON ?= python3
VENV ?= .venv
LOWEST_VENV ?= .venv-lowest
PEERS_VENV ?= .venv-peers
INTEGRATION_VENV ?= .venv-integration
WORKERS ?= 2
# Newer versions of Python that `make test-pythons` looks for; a path will do, too.
PYTHONS ?= python3.12 python3.13

PY = $(VENV)/bin/python
PYTEST = $(PY) -m pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term

.DEFAULT_GOAL := help
.NOTPARALLEL:  # the targets install into one environment
.DELETE_ON_ERROR:
.PHONY: help demo picture test test-pages test-all test-integration test-lowest test-pythons lint docs matrix faults bench bench-peers bench-quick clean

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/make \1: \2/p' $(MAKEFILE_LIST)

demo: $(VENV)/.has-cli  ## compare retraining policies on a built-in stream; writes demo-output/
	$(VENV)/bin/skretrain compare --out demo-output

picture: demo  ## README's picture, docs/_static/demo.png, drawn anew
	mkdir -p docs/_static
	cp demo-output/compare.png docs/_static/demo.png

# Otherwise each worker compiles the tests anew, and each process that a test starts the package.
unexport PYTHONDONTWRITEBYTECODE

test: $(VENV)/.has-test  ## all tests but the slow ones, with the 100 % branch coverage gate
	$(PYTEST) -m "not slow"

test-pages: $(VENV)/.has-test  ## the long pages of the user guide, which make test leaves out
	$(PY) -m pytest -n $(WORKERS) -m slow docs/user_guide

test-all: $(VENV)/.has-test  ## every test, the full matrices and slow statistical tests too
	$(PYTEST)
	$(MAKE) test-pythons

# Without the coverage gate: what these tests reach is covered by the others.
test-integration: $(INTEGRATION_VENV)/.has-integration  ## the tools that teams run, for real: MLflow, ONNX, dask and others
	$(INTEGRATION_VENV)/bin/python -m pytest tests/integration

test-lowest: $(LOWEST_VENV)/.has-test  ## the tests against the lowest supported versions
	$(LOWEST_VENV)/bin/python -m pytest -n $(WORKERS) -m "not slow" skretrain tests

test-pythons: $(foreach python,$(PYTHONS),test-under-$(notdir $(python)))  ## the tests under newer versions of Python

test-under-%:
	@python="$(filter %$*,$(PYTHONS))"; \
	if "$$python" --version; then $(MAKE) VENV=.venv-$* PYTHON="$$python" test-bare; \
	else echo "$$python is not there: not tested"; fi

test-bare: $(VENV)/.has-test
	$(PY) -m pytest -n $(WORKERS) -m "not slow" skretrain tests

lint: $(VENV)/.has-lint  ## style and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

docs: $(VENV)/.has-docs  ## the documentation, in docs/_build/html; a warning is an error
	$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html

matrix: $(VENV)/.has-test  ## every estimator under every policy; writes the table in the user guide
	$(PY) tests/matrix_page.py

faults: $(VENV)/.has-test  ## every fault of the fault table, minutes; writes the table in the user guide
	$(PY) tests/fault_table.py

bench: $(VENV)/.has-bench  ## every benchmark but bench-peers in full; writes docs/benchmarks/
	@set -e; for script in $(filter-out %/bench_peers.py,$(wildcard benchmarks/bench_*.py)); do echo "$$script"; $(PY) "$$script"; done

# CapyMOA needs pandas 2, which is why the peers have an environment of their own; and Java.
bench-peers: $(PEERS_VENV)/.has-peers  ## us beside river, CapyMOA and others: hours, goes on where it was
	$(PEERS_VENV)/bin/python benchmarks/bench_peers.py $(ARGS)

bench-quick: $(VENV)/.has-bench  ## a short run of every benchmark; writes no table
	@set -e; for script in benchmarks/bench_*.py; do echo "$$script"; $(PY) "$$script" --quick; done

clean:  ## remove the environments and everything that was built
	rm -rf $(VENV) $(LOWEST_VENV) $(PEERS_VENV) $(INTEGRATION_VENV) .venv-python* demo-output docs/_build docs/generated docs/api.rst build dist

# A system Python may come without ensurepip (Debian's python3-venv): its own pip then fills the
# environment. The stamp is written last, so an interrupted set-up starts again.
$(VENV)/.created $(LOWEST_VENV)/.created $(PEERS_VENV)/.created $(INTEGRATION_VENV)/.created: %/.created:
	$(PYTHON) -m venv $* || { $(PYTHON) -m venv --clear --without-pip $* && $(PYTHON) -m pip --python $*/bin/python install pip; }
	touch $@

$(LOWEST_VENV)/.has-test: pyproject.toml constraints-lowest.txt $(LOWEST_VENV)/.created
	$(LOWEST_VENV)/bin/python -m pip install --quiet --editable ".[test]" --constraint constraints-lowest.txt
	touch $@

$(PEERS_VENV)/.has-peers: pyproject.toml constraints.txt $(PEERS_VENV)/.created
	$(PEERS_VENV)/bin/python -m pip install --quiet --editable ".[peers]" --constraint constraints.txt
	touch $@

$(INTEGRATION_VENV)/.has-integration: pyproject.toml constraints.txt $(INTEGRATION_VENV)/.created
	$(INTEGRATION_VENV)/bin/python -m pip install --quiet --editable ".[integration]" --constraint constraints.txt
	touch $@

$(VENV)/.has-%: pyproject.toml constraints.txt $(VENV)/.created
	$(PY) -m pip install --quiet --editable ".[$*]" --constraint constraints.txt
	touch $@
