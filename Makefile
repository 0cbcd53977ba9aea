# Tessera. `make` alone says what can be done here.
.DEFAULT_GOAL := help
.PHONY: help build demo test lint unit docs examples bench bench-quick
SHELL := bash
export PATH := $(PATH):$(HOME)/.cargo/bin
# Ranks, which need an MPI library; `cargo build` without them makes the same program for one process.
MPI := --features tessera-cli/mpi,tessera/mpi

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

build: ## the program, optimised: target/release/tessera
	@scripts/install.sh
	cargo build --release --locked -p tessera-cli --features mpi

demo: build ## train a Burgers PINN, draw it, and show that the bits do not depend on threads
	@scripts/demo.sh

test: lint unit docs examples ## everything that CI checks

lint: ## formatting and clippy, warnings denied
	@scripts/install.sh --lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked $(MPI) -- -D warnings

unit: ## all tests, doc tests and those under mpirun too
	@scripts/install.sh $(if $(TESSERA_REQUIRE_CLUSTER),--cluster)
	cargo test --workspace --locked --no-fail-fast $(MPI)

docs: ## the API documentation, warnings denied: target/doc
	@scripts/install.sh
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked $(MPI)

examples: ## run the numbered examples
	@scripts/install.sh
	@scripts/examples.sh

bench: ## measure Tessera side by side with its peers, about half an hour; keeps the figures and updates docs/performance.md
	@scripts/install.sh
	@benches/peers/setup.sh --torch
	benches/peers/.venv/bin/python benches/peers/compare.py --record

bench-quick: ## the same in 3 minutes, few cases; keeps nothing
	@scripts/install.sh
	@benches/peers/setup.sh --torch
	benches/peers/.venv/bin/python benches/peers/compare.py --quick
