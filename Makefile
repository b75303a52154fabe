# The verbs people type. Each says what it is doing and installs what it needs, by package name, with the ordinary clients.

PYTHON ?= python3
VENV := target/venv
RUNTIME := models/runtime/libonnxruntime.so

.PHONY: help run build runtime test check fmt bench clean

help: ## List the verbs
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: build ## Build and start the server on http://127.0.0.1:8080
	@exec target/release/touchstone serve

build: runtime ## Build the release binary
	@command -v cc >/dev/null || sh tests/install.sh build-essential
	@test -x target/release/touchstone || echo "Building Touchstone: about 600 crates, see README for how long it takes; later builds take seconds."
	@cargo build --release --locked

runtime: $(RUNTIME) ## Fetch the ONNX Runtime library

$(RUNTIME): models/fetch_runtime.py
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || sh tests/install.sh python3-pip
	@$(PYTHON) models/fetch_runtime.py

# What the tests need beside Rust: PostgreSQL, and real clients of the API in a virtual environment.
$(VENV)/ready: tests/requirements.txt
	@command -v cc >/dev/null || sh tests/install.sh build-essential
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || sh tests/install.sh postgresql
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || sh tests/install.sh python3-venv
	@echo "Installing the API clients that the tests drive (pip, into $(VENV))"
	@$(PYTHON) -m venv $(VENV) && $(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	@touch $@

test: runtime $(VENV)/ready ## Run every test
	@url=$$(sh tests/postgres.sh start) && \
	  TOUCHSTONE_TEST_POSTGRES="$$url" TOUCHSTONE_TEST_VENV="$(CURDIR)/$(VENV)" cargo test --locked --workspace; \
	  status=$$?; sh tests/postgres.sh stop; exit $$status

check: ## Formatting, lints and documentation, warnings as errors
	@command -v cc >/dev/null || sh tests/install.sh build-essential
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

bench: build ## Measure this machine: milliseconds by stage, and the server against the raw pipeline
	@target/release/touchstone bench

fmt: ## Format the code
	@cargo fmt --all

clean: ## Remove everything that was built
	@cargo clean
