# Everything a developer does; `make help` lists the targets.
PYTHON ?= python3
TARGET ?= ministack
PORT ?= 4566
ATHENA_PORT ?= 4567
METER_PORT ?= 4568
SCOPES ?= telemetry:write telemetry:read reports:run

VEHICLES ?= 200
METERS ?= 200
MINUTES ?= 120
RATE ?= 0
SEED ?= 1

# LocalStack without Docker is of March 2026 and runs on this Python only.
PYTHON_313 ?= $(shell for each in python3.13 "$$(pyenv prefix 3.13 2>/dev/null)/bin/python3.13"; do \
	"$$each" -c "" 2>/dev/null && echo "$$each" && break; done)
LOCALSTACK_VENV := .venv-localstack
LOCALSTACK_DATE := 2026-03-15
OUT ?= build/exploration
ZONE ?= Europe/Zurich

VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/core/python
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate
LAMBDA := --python-version 3.13 --python-platform aarch64-manylinux_2_28

.DEFAULT_GOAL := help
.PHONY: help install up down deploy token simulate drop compact test test-localstack docker-mounts targets lint format bench layers openapi lock clean sync-batteries poll explore

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed infra/node_modules/.installed ## install the locked dependencies (Python and the CDK command line)

$(VENV)/.installed: infra/requirements.txt infra/requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wattline needs Python 3.11 or later; say make PYTHON=<python>")'
	@echo "installing the Python dependencies into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/requirements-uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode infra/requirements.txt
	@touch $@

infra/node_modules/.installed: infra/package-lock.json
	@command -v npm >/dev/null || { echo "wattline's infrastructure needs Node.js 20 or later, with npm"; exit 1; }
	@echo "installing the CDK command line"
	@cd infra && npm ci --silent --no-audit --no-fund
	@touch $@

up: install $(if $(filter localstack,$(TARGET)),docker-mounts) ## start the local cloud, deploy, post sample data, print how to use it (PORT=, ATHENA_PORT=, METER_PORT=, TARGET=localstack: with Docker)
	@$(BIN)/python -m infra.local up --target $(TARGET) --port $(PORT) --athena-port $(ATHENA_PORT) --meter-port $(METER_PORT)

down: ## stop what `make up` started
	@test ! -x $(BIN)/python || $(BIN)/python -m infra.local down --target $(TARGET) --port $(PORT) --athena-port $(ATHENA_PORT) --meter-port $(METER_PORT)

deploy: install layers ## deploy to AWS (ENVIRONMENT=prod JWT_ISSUER= JWT_AUDIENCE= JWKS_URL=, METER_URL= METER_IDS= METER_SINCE= to poll meters), with your own credentials
	@infra/node_modules/.bin/cdk deploy --all --no-notices -c environment="$(ENVIRONMENT)" -c jwt_issuer="$(JWT_ISSUER)" \
		-c jwt_audience="$(JWT_AUDIENCE)" -c jwks_url="$(JWKS_URL)" \
		$(if $(ALERT_RULES),-c alert_rules='$(ALERT_RULES)') \
		-c meter_url="$(METER_URL)" -c meter_ids="$(METER_IDS)" -c meter_since="$(METER_SINCE)"

token: install ## print a token for the local stack (SCOPES="telemetry:read")
	@$(BIN)/python -m infra.local token --scopes "$(SCOPES)"

simulate: install ## send a fleet's heartbeats and check that they come back (VEHICLES= METERS= MINUTES= RATE= SEED=)
	@$(BIN)/python -m infra.local.simulate --vehicles $(VEHICLES) --meters $(METERS) --minutes $(MINUTES) \
		--rate $(RATE) --seed $(SEED)

drop: install ## put a file into the local bucket and follow its load (FILE=readings.csv KIND=vehicles)
	@$(BIN)/python -m infra.local.drop --file "$(FILE)" --kind "$(KIND)"

sync-batteries: install ## drop a battery vendor's responses into the local bucket (SOURCE=<folder or base URL>)
	@$(BIN)/python -m infra.local.sync_batteries "$(SOURCE)"

compact: install ## compact the local history now, however little has landed
	@$(BIN)/python -m infra.local compact --target $(TARGET) --port $(PORT) --athena-port $(ATHENA_PORT)

poll: install ## ask the local smart-meter API for new readings now
	@$(BIN)/python -m infra.local poll --target $(TARGET) --port $(PORT) --athena-port $(ATHENA_PORT) --meter-port $(METER_PORT)

explore: install ## draw the load profiles of a folder of files, or of an API (SOURCE= OUT= ZONE=, MUIDS= START= END= for an API)
	@$(BIN)/python -m infra.local.explore --source "$(or $(SOURCE),events/obis)" --out "$(OUT)" --tz "$(ZONE)" \
		--muids "$(MUIDS)" --start "$(START)" --end "$(END)"

lint: install ## ruff, mypy and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --config pyproject.toml

format: install ## mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

test: lint layers ## the whole gate: lint, then every test
	@$(BIN)/pytest tests
	@if [ -n "$(PYTHON_313)$(CI)" ]; then $(MAKE) --no-print-directory test-localstack; \
		else echo "there is no Python 3.13 here: the tests on LocalStack were left out"; fi

test-localstack: install $(LOCALSTACK_VENV)/.installed ## the end-to-end tests on LocalStack, without Docker (PYTHON_313=)
	@$(BIN)/pytest tests/e2e --target localstack

$(LOCALSTACK_VENV)/.installed: tests/localstack/requirements.txt $(wildcard tests/localstack/plugin/*.toml tests/localstack/plugin/hostmode/*.py) | install
	@test -n "$(PYTHON_313)" || { echo "LocalStack without Docker needs Python 3.13; say make PYTHON_313=<python>"; exit 1; }
	@echo "installing LocalStack into $(LOCALSTACK_VENV)"
	@"$(PYTHON_313)" -m venv --clear $(LOCALSTACK_VENV)
	@$(BIN)/uv pip sync --quiet --python $(LOCALSTACK_VENV)/bin/python --require-hashes tests/localstack/requirements.txt
	@rm -rf build/localstack && mkdir -p build/localstack && cp -r tests/localstack/plugin build/localstack/plugin
	@$(BIN)/uv pip install --quiet --python $(LOCALSTACK_VENV)/bin/python --no-deps --no-build-isolation --no-index \
		build/localstack/plugin
	@touch $@

# What docker-compose.yml mounts: our plugin for LocalStack, and all that functions import, for this machine's processor.
PROCESSOR = $(subst arm64,aarch64,$(shell uname -m))
docker-mounts: install
	@echo "building what LocalStack mounts"
	@rm -rf build/localstack/plugin build/localstack/site build/localstack/opt && mkdir -p build/localstack
	@cp -r tests/localstack/plugin build/localstack/plugin
	@$(BIN)/uv pip install --quiet --no-deps --python-version 3.13 --target build/localstack/site build/localstack/plugin
	@$(BIN)/uv pip install --quiet --require-hashes --only-binary :all: --no-deps --python-version 3.13 \
		--python-platform $(PROCESSOR)-manylinux_2_28 --target build/localstack/opt/python \
		-r layers/core_deps/requirements.txt -r layers/parquet_deps/requirements.txt
	@cp -r layers/core/python/wattline build/localstack/opt/python/

targets: install ## write the table of docs/targets.md anew
	@$(BIN)/python -m tests.e2e.capabilities

bench: install ## run the benchmarks and print their tables
	@$(BIN)/python -m tests.benchmarks

layers: build/layers/core_deps/.built build/layers/parquet_deps/.built ## build the dependency layers for AWS Lambda (arm64, Python 3.13)

build/layers/%/.built: layers/%/requirements.txt | install
	@echo "building the layer $* for AWS Lambda"
	@rm -rf $(@D)
	@$(BIN)/uv pip install --quiet --require-hashes --only-binary :all: $(LAMBDA) --no-deps \
		--target $(@D)/python -r $<
	@$(BIN)/python -m infra.strip_layer $(@D)/python
	@touch $@

openapi: install ## write the OpenAPI document anew
	@$(BIN)/python -m wattline.api.openapi > build-openapi.tmp && mv build-openapi.tmp layers/core/python/wattline/api/openapi.json

lock: install ## resolve the dependencies anew
	@$(COMPILE) --universal --python-version 3.11 infra/requirements.in -o infra/requirements.txt
	@grep '^uv==' infra/requirements.txt | cut -d' ' -f1 | $(COMPILE) --universal --python-version 3.11 - -o infra/requirements-uv.txt
	@for layer in core_deps parquet_deps; do \
		$(COMPILE) $(LAMBDA) -c infra/requirements.txt layers/$$layer/requirements.in -o layers/$$layer/requirements.txt; done
	@$(COMPILE) --python-version 3.13 --python-platform x86_64-manylinux_2_28 --exclude-newer $(LOCALSTACK_DATE) \
		tests/localstack/requirements.in -o tests/localstack/requirements.txt
	@cd infra && npm install --package-lock-only --no-audit --no-fund

clean: down ## stop the local stack and remove everything that was built or installed
	@rm -rf $(VENV) $(LOCALSTACK_VENV) build .local infra/node_modules
