#!/usr/bin/env bash
# First light: trains a Burgers PINN, draws it, trains it again with another number of threads and compares the bits.
# Wants the program that `make build` makes. Writes burgers.h5, burgers.png and burgers-repeat.h5.
set -euo pipefail
cd "$(dirname "$0")/.."

tessera=${CARGO_TARGET_DIR:-target}/release/tessera
cores=$(nproc 2>/dev/null || sysctl -n hw.ncpu)
threads=$((cores > 1 ? cores : 2))

# Prints a command as a person would type it, runs it, and says how long it took.
run() {
    printf '\n$ tessera %s\n' "$*"
    local start=$SECONDS
    "$tessera" "$@"
    printf '(%d s)\n' $((SECONDS - start))
}

rm -f burgers.h5 burgers.h5.* burgers-repeat.h5 burgers-repeat.h5.* burgers.png
run train cases/burgers.toml --out burgers.h5 --threads "$threads"
run plot burgers.h5 -o burgers.png
run train cases/burgers.toml --out burgers-repeat.h5 --threads 1
run compare burgers.h5 burgers-repeat.h5

printf '\nTrained with %s threads and again with 1: the same bits.\n' "$threads"
printf 'The run is in burgers.h5; the picture in burgers.png shows the solution, its error and the convergence.\n'
