#!/usr/bin/env bash
# Builds the numbered examples and runs each; they assert what they show, so that running them is a test.
set -euo pipefail
cd "$(dirname "$0")/.."

# One build of the whole workspace shares every artefact with `cargo test`; `-p tessera` would choose other features.
cargo build --workspace --examples --locked --features tessera-cli/mpi,tessera/mpi
programs=${CARGO_TARGET_DIR:-target}/debug/examples

shopt -s nullglob
sources=(examples/[0-9]*.rs)
for source in "${sources[@]}"; do
    name=$(basename "$source" .rs)
    printf '\n== example %s\n' "$name"
    "$programs/$name"
done

# Ranks do not show in the bits: the example on ranks ends with the same digests on any number of them.
printf '\n== example 09_ranks on 3 ranks\n'
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
timeout 120 mpirun -n 3 "$programs/09_ranks" "$programs/wave-3.h5" | tee /dev/stderr | grep digests >"$programs/09_ranks.on3"
"$programs/09_ranks" "$programs/wave-1.h5" | grep digests | diff - "$programs/09_ranks.on3"
"$programs/../tessera" compare "$programs/wave-1.h5" "$programs/wave-3.h5"

printf '\n%d examples ran\n' "${#sources[@]}"
