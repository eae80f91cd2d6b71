# One file to do everything from a bare clone. `make help` says what there is.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# What a reader may set, as in `make book PYTHON=python3.12`. What is found out here is found out once, and by sh:
# bash would read the file that BASH_ENV names before each command of `shell`, whatever its flags, and so would
# a python that is a script of bash's.
SHELL := /bin/sh
ifndef PYTHON
PYTHON := $(shell unset BASH_ENV; for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$p" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; done; echo python3)
endif
TORCH ?= auto
TORCH_INDEX_URL ?=
ifndef WORKERS
WORKERS := $(shell unset BASH_ENV; "$(PYTHON)" -I book/tools/cores.py)
endif

SHELL := /bin/bash
# -p: without what BASH_ENV, SHELLOPTS and functions of the shell that make was started from would bring in.
.SHELLFLAGS := -p -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/installed
BENCH_STAMP := $(VENV)/installed-bench
CODE := hmmlib book/_ext book/tools tests notebooks conftest.py

# What is set for a reader's other work does not count here, or the book would not be the same: neither in the
# environment, ...
LEAKS := __PYVENV_LAUNCHER__ PYTHON% MPL% MATPLOTLIB% IPY% JUPYTER_% JUPYTERLAB_% PYDEVD% PYTEST% HYPOTHESIS% \
	COV_% COVERAGE% RUFF_% MYPY% SPHINX% DOCUTILS% TQDM_% DASK_% TORCH% PYTORCH% BASH_ENV SHELLOPTS \
	VIRTUAL_ENV% CONDA_PREFIX% CONDA_DEFAULT_ENV COLUMNS LINES FORCE_COLOR CLICOLOR_FORCE PY_COLORS
HARMLESS := PYTHON PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX PYTHONUNBUFFERED TORCH TORCH_INDEX_URL
unexport $(filter-out $(HARMLESS),$(filter $(LEAKS),$(.VARIABLES)))
# ... nor in the home folder, which may be empty or closed for writing: settings and caches of the tools stay inside
# the environment. What pip is told about mirrors, proxies and certificates does count: book/tools/pip_settings.py.
export MPLCONFIGDIR := $(CURDIR)/$(VENV)/var/matplotlib
export JUPYTER_CONFIG_DIR := $(CURDIR)/$(VENV)/var/jupyter-config
export JUPYTER_DATA_DIR := $(CURDIR)/$(VENV)/var/jupyter-data
export JUPYTER_RUNTIME_DIR := $(CURDIR)/$(VENV)/var/jupyter-runtime
export IPYTHONDIR := $(CURDIR)/$(VENV)/var/ipython
export DASK_CONFIG := $(CURDIR)/$(VENV)/var/dask
# Threads that wait give way to others: those of torch spin instead, which on a busy machine makes training
# many times slower.
export GOMP_SPINCOUNT ?= 1000
export PYTHONNOUSERSITE := 1
# Files and pipes are UTF-8, whatever the locale.
export PYTHONUTF8 := 1

# An environment that was moved with its folder, or lost its Python, is made anew.
ifneq ($(shell $(PY) -I -c pass 2>/dev/null && cat $(STAMP) 2>/dev/null),$(CURDIR))
$(STAMP): FORCE
endif

ifeq ($(OS),Windows_NT)
$(error The book is made on Linux, on macOS or, on Windows, in WSL: wsl --install)
endif

.PHONY: help
help: ## say what there is
	@echo "usage: make TARGET"; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "PYTHON=...           the Python, 3.11 or newer, that the environment is made with"
	@echo "TORCH=...            PyTorch's build: cpu, default (on Linux with gigabytes of GPU libraries), or auto,"
	@echo "                     which is cpu on Linux without an NVIDIA driver; counts when .venv is made"
	@echo "TORCH_INDEX_URL=...  address of a package index to take PyTorch from instead"
	@echo "WORKERS=...          how many notebooks, tests or results at a time (as many as there are cores)"

.PHONY: setup
setup: $(STAMP) ## create .venv and install the pinned packages and hmmlib (the others do it when needed)
	@echo "The environment is ready: $(CURDIR)/$(VENV)"

$(STAMP): requirements.txt pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$("$(PYTHON)" --version 2>&1 || true)." >&2; \
		echo "Install one and say which: make book PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "==> Environment: $(CURDIR)/$(VENV), from $(PYTHON) ($$("$(PYTHON)" --version))"
	@if [ "$$($(PY) -c pass 2>/dev/null && cat $(STAMP) 2>/dev/null)" != "$(CURDIR)" ]; then \
		"$(PYTHON)" -m venv --clear $(VENV) || { \
		echo "$(PYTHON) cannot make an environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; fi
	@mkdir -p $(VENV)/var $(VENV)/etc/ipython
	@echo 'c.IPKernelApp.log_level = "ERROR"' > $(VENV)/etc/ipython/ipython_kernel_config.py
	@$(PY) book/tools/install_packages.py --torch "$(TORCH)" --torch-index-url "$(TORCH_INDEX_URL)"
	@echo "$(CURDIR)" > $(STAMP)

$(BENCH_STAMP): $(STAMP)
	@$(PY) book/tools/install_packages.py --extra bench
	@touch $(BENCH_STAMP)

# The pages are made of executed copies. Those of before go first, so that a build that fails leaves none.
EXECUTED := _build/executed
.PHONY: book
book: $(STAMP) ## execute every notebook and build the book; warnings are errors
	@rm -rf _build/html
	@echo "==> Executing the notebooks, $(WORKERS) at a time"
	@$(PY) book/tools/execute_notebooks.py --into $(EXECUTED) --workers $(WORKERS) $(NOTEBOOKS)
	@echo "==> Building the pages"
	@BOOK_EXECUTED=$(EXECUTED) $(BIN)/jupyter-book build . -W -n --keep-going --all || { \
		rm -rf _build/html-with-faults; [ ! -d _build/html ] || mv _build/html _build/html-with-faults; exit 1; }
	@$(MAKE) where

.PHONY: preview
preview: $(STAMP) ## build the book from the committed outputs, without executing anything
	@echo "==> Building the book from the committed outputs"
	@BOOK_EXECUTE=off $(BIN)/jupyter-book build . -W -n --keep-going
	@$(MAKE) where

# In a folder of its own, so that it and the book do not make each other start anew.
PDF := _build/pdf
.PHONY: pdf
pdf: $(STAMP) chromium ## print the whole book as one PDF, from the committed outputs (needs Chromium)
	@echo "==> Building the book from the committed outputs"
	@BOOK_EXECUTE=off $(BIN)/jupyter-book build . -W -n --keep-going --path-output $(PDF)
	@echo "==> Printing it"
	@$(PY) book/tools/print_book.py $(PDF)/_build/html $(PDF)/why-pretraining-helps.pdf

.PHONY: where
where:
	@echo; echo "The book: $(CURDIR)/_build/html/index.html"
	@$(PY) -c 'import pathlib; print("Open    :", pathlib.Path("_build/html/index.html").resolve().as_uri())'

.PHONY: test
test: lint ## lint, types, then unit, property and notebook tests
	@echo "==> Tests: library, book and every notebook output ($(WORKERS) processes)"
	@OMP_NUM_THREADS=1 $(PY) -m pytest --nbval --nbval-current-env --nbval-cell-timeout=600 \
		--nbval-sanitize-with tests/nbval_sanitize.cfg -n $(WORKERS) --dist loadfile -m "not browser" tests notebooks

# Chromium of the system, not one that playwright downloads.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || [ -n "$${CHROMIUM:-}" ] || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "==> Installing Chromium"; \
			apt-get update -qq && apt-get install -qq --no-install-recommends chromium >/dev/null; \
		else \
			echo "Chromium is needed. On Debian: apt install chromium; elsewhere say where it is:" >&2; \
			echo "make $(MAKECMDGOALS) CHROMIUM=/path/to/chromium" >&2; exit 1; fi; }

.PHONY: test-browser
test-browser: $(STAMP) chromium ## test the explorer and every page of the built book in Chromium (installs it when run as root)
	@echo "==> Tests in Chromium"
	@OMP_NUM_THREADS=1 REQUIRE_BROWSER=1 $(PY) -m pytest -n $(WORKERS) --dist worksteal -m browser tests/browser

.PHONY: lint
lint: $(STAMP) ## check style, formatting and types, change nothing
	@echo "==> Style, formatting, types"
	@$(PY) -m ruff check $(CODE)
	@$(PY) -m ruff format --check $(CODE)
	@$(PY) -m mypy

.PHONY: format
format: $(STAMP) ## sort imports, mend what ruff can mend, format the code
	@$(PY) -m ruff check --fix $(CODE)
	@$(PY) -m ruff format $(CODE)

.PHONY: notebooks
notebooks: $(STAMP) ## write the notebooks anew from their scripts, executed
	@echo "==> Executing the notebooks in place, $(WORKERS) at a time"
	@$(PY) book/tools/execute_notebooks.py --workers $(WORKERS) $(NOTEBOOKS)

.PHONY: slides
slides: $(STAMP) ## write each figure of the notebooks as an SVG file, for slides
	@echo "==> Figures for slides"
	@$(PY) book/tools/write_slides.py --workers $(WORKERS) $(NOTEBOOKS)

.PHONY: figures
figures: $(STAMP) ## draw the committed figures anew, and write what README says of the results
	@echo "==> Drawing the committed figures"
	@$(PY) book/tools/draw_figures.py
	@$(PY) book/tools/write_findings.py

# Of each sweep whose results are kept: experiment, preset, and file. Tests compute a smoke cell again.
SWEEPS := \
	exact-prompts:paper:book/results/exact_prompts \
	pretraining:laptop:book/results/pretraining_laptop \
	pretraining:longer:book/results/pretraining_longer \
	pretraining:ladder:book/results/pretraining_ladder \
	head-vs-prompt:laptop:book/results/head_vs_prompt_laptop \
	memory-vs-vanilla:laptop:book/results/memory_vs_vanilla_laptop \
	fine-tuning:laptop:book/results/fine_tuning_laptop \
	half-trained:laptop:book/results/half_trained_laptop \
	readings:laptop:book/results/readings_laptop \
	exact-attention:laptop:book/results/exact_attention \
	mechanism:laptop:book/results/mechanism_laptop \
	scaling-states:synthetic:book/results/scaling_states_synthetic \
	scaling-states:king-james:book/results/scaling_states_king_james \
	noise-robustness:laptop:book/results/noise_robustness_laptop \
	noise-robustness:all-models:book/results/noise_robustness_all_models \
	word-error-training:laptop:book/results/word_error_training_laptop \
	fact-retrieval:laptop:book/results/fact_retrieval_laptop \
	machine-reading:laptop:book/results/machine_reading_laptop \
	frozen-size:laptop:book/results/frozen_size_laptop \
	reference-decoding:laptop:book/results/reference_decoding_laptop \
	process-structure:laptop:book/results/process_structure_laptop \
	pre-memorization:laptop:book/results/pre_memorization_laptop \
	pretraining:smoke:tests/records/pretraining_smoke \
	head-vs-prompt:smoke:tests/records/head_vs_prompt_smoke \
	memory-vs-vanilla:smoke:tests/records/memory_vs_vanilla_smoke \
	half-trained:smoke:tests/records/half_trained_smoke

.PHONY: results
results: $(STAMP) ## compute the results and small models that the book keeps in files (half a day on two cores; what is in runs/ is kept)
	@echo "==> Results quoted in the book"
	@for sweep in $(SWEEPS); do IFS=: read -r name preset _ <<< "$$sweep"; \
		OMP_NUM_THREADS=1 $(BIN)/hmmlib sweep $$name --preset $$preset --workers $(WORKERS); done
	@$(BIN)/hmmlib shipped --out book/checkpoints
	@# Afterwards, so that nothing is said to come from a changed repository.
	@for sweep in $(SWEEPS); do IFS=: read -r name preset file <<< "$$sweep"; \
		$(BIN)/hmmlib results $$name --preset $$preset --export $$file.json; done

.PHONY: costs
costs: $(STAMP) ## measure what each notebook needs, with 2 GiB of memory for each (ten minutes, on Linux)
	@echo "==> Time and memory of each notebook"
	@$(PY) book/tools/measure_notebooks.py $(NOTEBOOKS)

.PHONY: bench
bench: $(BENCH_STAMP) ## measure hmmlib against other libraries
	@echo "==> Benchmarks"
	@$(PY) -m tests.benchmarks

.PHONY: lab
lab: $(STAMP) ## open the notebooks in JupyterLab
	@$(PY) -m jupyterlab notebooks

.PHONY: clean
clean: ## remove the environment and everything that was built
	rm -rf $(VENV) _build .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage
	find hmmlib book tests notebooks . -maxdepth 2 -name __pycache__ -prune -exec rm -rf {} +

.PHONY: FORCE
FORCE:
