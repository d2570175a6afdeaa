# make            format, lint, types, tests
# make setup      a ready .venv/bin/cloudlet
# make demo       start a cloudlet on examples/shop, send real traffic, show what happened, stay up
#                 (ONCE=1 ends after the story, with 0 only if all it showed was true)
# make test       run every test          make bench   print every figure
#
# Needs Python 3.11 or newer, make and git. Node.js is optional: functions in JavaScript need it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
ROOT := $(filter 0,$(shell id -u))
APT := $(if $(ROOT),$(shell command -v apt-get))
TESTS ?= tests
JOBS ?= 2

.PHONY: all setup demo test format lint types docs bench node postgres rabbitmq clean
.DEFAULT_GOAL := all

all: format lint types test

setup: $(VENV)/.cloudlet node

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "cloudlet needs Python 3.11 or newer, and found none."; \
		echo "Install it (Debian: apt-get install python3), or name it: make setup PYTHON=/path/to/python3"; exit 1; }
	@if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
		if [ -n "$(APT)" ]; then \
			echo "· installing python3-venv and python3-pip: this Python can make no virtual environment"; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				python3-venv python3-pip; } >/tmp/cloudlet-apt.log 2>&1 || { cat /tmp/cloudlet-apt.log; exit 1; }; \
		else \
			echo "This Python can make no virtual environment: its venv module is missing."; \
			echo "Install it and run make again: sudo apt-get install python3-venv python3-pip"; exit 1; \
		fi; \
	fi
	@echo "· making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)

# a file says that an installation went through, so that nothing is done when nothing has changed
$(VENV)/.cloudlet: pyproject.toml | $(VENV)/bin/python
	@echo "· installing cloudlet and what it needs (about half a minute, the first time)"
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.cloudlet
	@echo "· installing the tools for tests"
	@$(PIP) install --group dev
	@touch $@

node:
	@command -v node >/dev/null || echo "· Node.js is not installed: functions in JavaScript are left out, all else works"

demo: setup
	@$(BIN)/python examples/shop/demo.py $(if $(ONCE),--once)

test: $(VENV)/.dev node postgres rabbitmq
	@$(BIN)/python -m pytest -n $(JOBS) $(TESTS)

# A server of the tests' own needs PostgreSQL's programs. Where they are missing and may be installed
# they are, without a cluster or a running server; else those tests are skipped and say so.
postgres:
	@if [ -z "$$(command -v initdb; ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] && [ -n "$(APT)" ]; then \
		echo "· installing PostgreSQL's programs for the tests of that driver"; \
		conf=/etc/postgresql-common/createcluster.d/cloudlet.conf; \
		mkdir -p $${conf%/*}; echo "create_main_cluster = false" > $$conf; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends postgresql; } >/tmp/cloudlet-apt.log 2>&1 \
			|| echo "· PostgreSQL could not be installed (see /tmp/cloudlet-apt.log); its tests are skipped"; \
		rm -f $$conf; \
	fi

# A broker of the tests' own needs RabbitMQ's programs: as above, and the package's service is not started.
rabbitmq:
	@if [ ! -e /usr/lib/rabbitmq/bin/rabbitmq-server ] && [ -n "$(APT)" ]; then \
		echo "· installing RabbitMQ's programs for the tests of mappings that read it"; \
		rule=/usr/sbin/policy-rc.d; [ -e $$rule ] && rule= || { printf '#!/bin/sh\nexit 101\n' > $$rule; chmod +x $$rule; }; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends rabbitmq-server; } >/tmp/cloudlet-apt.log 2>&1 \
			|| echo "· RabbitMQ could not be installed (see /tmp/cloudlet-apt.log); its tests are skipped"; \
		[ -z "$$rule" ] || rm -f $$rule; \
	fi

format: $(VENV)/.dev
	@$(BIN)/ruff check --select I --fix --quiet src tests examples

lint: $(VENV)/.dev
	@$(BIN)/ruff check --quiet src tests examples && echo "lint: clean"

types: $(VENV)/.dev
	@$(BIN)/mypy

# bring the generated parts of docs/services up to date
docs: setup
	@$(BIN)/cloudlet coverage --write docs/services

bench: $(VENV)/.dev
	@$(BIN)/python -m bench $(BENCH)

clean:
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
