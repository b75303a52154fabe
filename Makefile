# The verbs people type. Each says what it is doing and installs what it needs, by package name, with the ordinary clients.

PYTHON ?= python3
VENV := target/venv
NODE := target/node
RUNTIME := models/runtime/libonnxruntime.so

.PHONY: help tools run build runtime test check fmt bench clean

help: ## List the verbs
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: build ## Build and start the server on http://127.0.0.1:8080
	@exec cargo run --quiet --release --locked -- serve

build: runtime ## Build the release binary
	@sh tests/install.sh --missing compiler certificates
	@echo "Building Touchstone (the README says how long the first build takes; later ones take seconds)"
	@cargo build --release --locked

runtime: $(RUNTIME) ## Fetch the ONNX Runtime library

$(RUNTIME): models/fetch_runtime.py
	@test -e $@ || sh tests/install.sh --missing pip
	@$(PYTHON) models/fetch_runtime.py && touch $@

# Real clients of the API, in a virtual environment.
$(VENV)/ready: tests/requirements.txt
	@echo "Installing the API clients that the tests drive (pip, into $(VENV))"
	@$(PYTHON) -m venv $(VENV) && $(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	@touch $@

$(NODE)/ready: tests/package.json
	@echo "Installing the API clients that the tests drive (npm, into $(NODE))"
	@mkdir -p $(NODE) && cp tests/package.json $(NODE)/ && npm install --prefix $(NODE) --silent --no-audit --no-fund --ignore-scripts
	@touch $@

tools:
	@sh tests/install.sh --missing compiler certificates pip venv node curl postgresql

test: tools runtime $(VENV)/ready $(NODE)/ready ## Run every test: on SQLite, then the road again on PostgreSQL
	@sh tests/run.sh "$(CURDIR)/$(VENV)" "$(CURDIR)/$(NODE)"

check: ## Formatting, lints and documentation, warnings as errors
	@sh tests/install.sh --missing compiler
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --workspace --no-deps --document-private-items

bench: build ## Measure this machine: milliseconds by stage, and the server against the raw pipeline
	@cargo run --quiet --release --locked -- bench

fmt: ## Format the code
	@cargo fmt --all

clean: ## Remove everything that was built
	@cargo clean
