# The project's commands. Each does its own set-up; see README.md.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help setup setup-dev run demo test test-slow test-exporters lint format bench screenshots clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed web/dist/.built $(VENV)/.warm ## create .venv with the otelhouse command and build the web app

setup-dev: setup $(VENV)/.installed-dev $(VENV)/.system ## what the tests need on top

$(VENV)/.installed: pyproject.toml constraints.txt
	scripts/make-venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev]'
	touch $@

# Compiles the kernels into their cache, so that no start of a component pays for it.
$(VENV)/.warm: $(VENV)/.installed $(wildcard schema/*.py schema/wire/*.py schema/remote_write/*.py otelhouse/warm.py otelhouse/sampling/policies/*.py processor/traces/*.py otelhouse/promql/kernels/*.py processor/recording/*.py ingest/masking/*.py ingest/masking/*/*.py query/prometheus/*.py query/promql/*.py)
	$(BIN)/python -m otelhouse.warm
	touch $@

web/dist/.built: $(VENV)/.installed $(WEB_SOURCES)
	scripts/with-node $(VENV) 'cd web && npm ci --no-audit --no-fund --loglevel=error && npm run build'
	touch $@

# Debian packages and Maven artifacts that only tests use.
$(VENV)/.system: scripts/system-packages $(VENV)/.installed-dev $(wildcard tests/support/*/pom.xml)
	scripts/system-packages
	$(BIN)/python -m tests.support.maven
	touch $@

run: setup ## start everything on this machine: OTLP on 4317 and 4318, the dashboard on 8080
	exec $(BIN)/otelhouse up --data $(DATA)

demo: setup ## the same, with a live demo shop that sends telemetry
	exec $(BIN)/otelhouse up --data $(DATA) --demo

lint: setup-dev ## format check, lint, types, import direction, web checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	scripts/with-node $(VENV) 'cd web && npm run check && npm test'

format: setup-dev ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: lint ## lint, then all tests but the slow ones
	$(BIN)/pytest -m 'not slow'

test-slow: setup-dev ## soak, fault storms and differential suites
	$(BIN)/pytest -m slow --timeout 1800

test-exporters: setup-dev ## the official exporters of Go, Java and JavaScript against up (needs Go, Java, Maven, Node)
	$(BIN)/pytest tests/exporters -m slow --timeout 900

bench: setup-dev ## benchmarks: ratios against floors measured in the same run
	$(BIN)/python -m benchmarks

screenshots: setup-dev ## take the screenshots in docs/images anew
	$(BIN)/python -m tests.web.screenshots

clean: ## remove what was built (not the data)
	rm -rf $(VENV) web/dist web/node_modules target build *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
