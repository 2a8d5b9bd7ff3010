# Everything works from a clean clone with Python >= 3.11 and make; the first target that needs it makes .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test test-envoy test-rest check lint types contracts bench goldens protos lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

$(STAMP): pyproject.toml .requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## Run the whole gateway here (gateway.yaml, or the demo catalogue with the simulator)
	$(BIN)/llmgw up $(ARGS)

# Tests on a real Envoy mostly wait, so those that mostly compute run beside them; each part's output comes in one piece.
test: $(STAMP) ## Run all tests: unit, properties, and those on a real Envoy (ARGS: those of pytest instead)
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target test-envoy test-rest
endif

test-envoy: $(STAMP)
	$(BIN)/python -m pytest -p no:cacheprovider tests/contract

test-rest: $(STAMP)
	$(BIN)/python -m pytest -p no:cacheprovider $(filter-out tests/contract tests/goldens tests/judges,$(wildcard tests/*))

# The client libraries are older or newer than ours, so they have environments of their own; CI does not make them.
CLIENTS := .clients
CLIENTS_STAMP := $(CLIENTS)/.installed

$(CLIENTS_STAMP): tests/clients/requirements.lock tests/clients/package-lock.json | $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(CLIENTS)/venv
	$(BIN)/uv pip sync --quiet --python $(CLIENTS)/venv/bin/python --require-hashes tests/clients/requirements.lock
	mkdir -p $(CLIENTS)/node
	cp tests/clients/package.json tests/clients/package-lock.json $(CLIENTS)/node
	cd $(CLIENTS)/node && PATH="$(CURDIR)/$(CLIENTS)/venv/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: test-clients
test-clients: $(STAMP) $(CLIENTS_STAMP) ## LangChain, LlamaIndex, Pydantic AI and the Vercel AI SDK with every provider dialect
	$(BIN)/python -m pytest -p no:cacheprovider -o "pythonpath=tests/contract tests/clients" tests/clients/pairs.py $(ARGS)

check: lint types contracts test ## Everything that CI runs

lint: $(STAMP) ## Style and formatting
	$(BIN)/ruff check extproc tests
	$(BIN)/ruff format --check extproc tests

types: $(STAMP) ## Types
	$(BIN)/pyright

contracts: $(STAMP) ## Which package may import which
	$(BIN)/lint-imports

bench: $(STAMP) ## Measure: Envoy alone, this gateway, and its peers where they can be installed
	$(BIN)/python -m tests.bench $(ARGS)

goldens: $(STAMP) ## Rewrite the golden files from what the code does now; read the diff
	LLMGW_REWRITE_GOLDENS=1 $(BIN)/python -m pytest -q tests/unit
	$(BIN)/llmgw schema > extproc/config/gateway.schema.json
	$(BIN)/python -m tests.carryover

protos: $(STAMP) ## Generate extproc/transport/pb from protos/
	$(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=. --pyi_out=. protos/extproc/transport/pb/*.proto

lock: $(STAMP) ## Resolve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -o .requirements.lock --upgrade

clean: ## Remove what the targets above have made
	rm -rf $(VENV) $(CLIENTS) .bench .pytest_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
