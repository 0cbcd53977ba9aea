#!/usr/bin/env bash
# Builds the numbered examples and runs each; they assert what they show, so that running them is a test.
set -euo pipefail
cd "$(dirname "$0")/.."

# One build of the whole workspace shares every artefact with `cargo test`; `-p tessera` would choose other features.
cargo build --workspace --examples --locked
programs=${CARGO_TARGET_DIR:-target}/debug/examples

shopt -s nullglob
sources=(examples/[0-9]*.rs)
for source in "${sources[@]}"; do
    name=$(basename "$source" .rs)
    printf '\n== example %s\n' "$name"
    "$programs/$name"
done
printf '\n%d examples ran\n' "${#sources[@]}"
