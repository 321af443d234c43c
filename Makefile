# One command each; CI calls the same ones.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraint constraints.txt
DEMO_FILE ?= ../shared/data/linux-auth.ndjson
EVENTS ?= 1000000
ROUNDS ?= 3
QUERY_EVENTS ?= 2000000
SECONDS ?= 600
CLUSTER ?=
KIBANA ?=
T ?=
# One more than a small machine has cores: a test waits for servers about as long as it computes.
JOBS ?= 3

# What the image, a Linux one, is for; tests hold it to the Dockerfile.
IMAGE_EXTRAS := consumer web alerts secrets
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile
HASHED := --quiet --constraint constraints.txt --generate-hashes --python-platform linux --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --no-config

# Where it is set, each worker and each command that a test starts would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

# The check of types has use for one core alone, and takes a minute: tests begin on the other.
ifeq ($(MAKECMDGOALS),lint test)
MAKEFLAGS += --jobs=2
endif
unexport MAKEFLAGS  # a test calls make too, and has none of these jobs to share

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast test-containers soak bench bench-fields bench-adaptive bench-query bench-alerts bench-seal bench-detection bench-sizes lint format requirements schema clean

help:  ## Show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# With uv, which takes 12 seconds where pip takes 60; with pip where uv finds nothing, since it reads no
# pip.conf.
define install
	$(PIP) uv
	$(UV) --editable '.[$(1)]' || $(PIP) --editable '.[$(1)]'
endef

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,all)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,dev)
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed-dev  ## Install everything into .venv

demo: $(VENV)/.installed  ## Run everything end to end on real servers, and verify that nothing was lost
	AUDITLOG_CATALOGUE=deploy/catalogue/linux-host.toml AUDITLOG_MAX_PAST_DAYS=36500 \
		$(BIN)/auditlog demo $(addprefix --file ,$(wildcard $(DEMO_FILE)))

test: $(VENV)/.installed-dev  ## Run all tests, on real servers, JOBS=3 at a time; a part: make test T=tests/query
	$(PYTEST) $(T)

test-fast: $(VENV)/.installed-dev  ## Run what needs no server and takes little time
	$(BIN)/python -m pytest --numprocesses 3 -m "not servers and not slow and not containers" $(T)

test-containers: $(VENV)/.installed-dev  ## Build the image, start docker-compose.yml and the tests' containers for real; needs a Docker engine; KIBANA=1 tries Kibana too
	$(BIN)/python -m pytest -m "containers$(if $(KIBANA),, and not kibana)" tests/containers

bench: $(VENV)/.installed  ## Measure speed, side by side; the quick one: make bench EVENTS=100000
	$(BIN)/python -m benchmarks all --events $(EVENTS) --rounds $(ROUNDS)

bench-fields: $(VENV)/.installed  ## Measure what each mapped field and setting costs
	$(BIN)/python -m benchmarks fields --rounds $(ROUNDS)

bench-query: $(VENV)/.installed  ## Measure answers beside requests by hand, on 2,000,000 events; less: QUERY_EVENTS=200000
	$(BIN)/python -m benchmarks query --events $(QUERY_EVENTS) --rounds $(ROUNDS)

bench-alerts: $(VENV)/.installed  ## Measure a step of all alert rules over 2,000,000 events; less: QUERY_EVENTS=200000
	$(BIN)/python -m benchmarks alerts --events $(QUERY_EVENTS)

bench-seal: $(VENV)/.installed  ## Measure what a sealed log costs: sealing, disk, checking, evidence; less: make bench-seal EVENTS=100000
	$(BIN)/python -m benchmarks seal --events $(EVENTS) --rounds $(ROUNDS)

bench-detection: $(VENV)/.installed  ## Measure what the rules find of attacks, real ones and those of 20 seeds; write docs/detection.md
	$(BIN)/python -m benchmarks detection --docs docs/detection.md $(addprefix --real ,$(wildcard $(dir $(DEMO_FILE))))

bench-sizes: $(VENV)/.installed  ## Measure how many bytes an event takes in Kafka and in Elasticsearch
	$(BIN)/python -m benchmarks sizes

bench-adaptive: $(VENV)/.installed  ## Compare the settings that settle by themselves with fixed ones
	$(BIN)/python -m benchmarks adaptive --events $(EVENTS)

soak: $(VENV)/.installed-dev  ## Inject random faults for SECONDS=600 on servers of its own, or on three brokers and three nodes: CLUSTER=1, with RATE=200 events a second of each publisher; SEED= repeats a run
	PYTHONPATH=tests $(BIN)/python -m $(if $(CLUSTER),clusters,faults).soak --seconds $(SECONDS) $(addprefix --seed ,$(SEED)) $(addprefix --rate ,$(RATE))

lint: $(VENV)/.installed-dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python deploy/vulnerabilities.py requirements.txt requirements-build.txt

requirements: $(VENV)/.installed-dev  ## Regenerate requirements.txt: everything that the image gets, by hash
	$(BIN)/uv pip compile $(HASHED) pyproject.toml $(addprefix --extra ,$(IMAGE_EXTRAS)) -o requirements.txt
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' \
		| $(BIN)/uv pip compile $(HASHED) - -o requirements-build.txt

format: $(VENV)/.installed-dev  ## Fix style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.installed-dev  ## Regenerate the JSON Schema of the wire format
	$(BIN)/python -m audit_schemas.schema > schemas/audit-event.v1.schema.json

clean:  ## Remove the environment and caches; the embedded servers' data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
