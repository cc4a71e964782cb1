# One virtual environment, installed again only when what it depends on changes.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install demo test lint bench docs

install: $(INSTALLED)  ## the environment alone

demo: $(INSTALLED)  ## the whole method in the toy world, on a CPU; run it again to go on where it stopped
	$(BIN)/extracot demo

test: $(INSTALLED)  ## everything that needs neither a GPU nor the network
	$(BIN)/python -m pytest -m "not gpu and not network"

lint: $(INSTALLED)  ## ruff and mypy
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/mypy

bench: $(INSTALLED)  ## how fast compression is on this machine
	$(BIN)/python benchmarks/compression_speed.py

docs: $(VENV)/.installed-docs  ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo site/index.html

$(VENV)/.installed-docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

$(INSTALLED): pyproject.toml constraints.txt
	@echo "installing into $(VENV): a few minutes, about 2 GB"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
