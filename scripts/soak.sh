#!/usr/bin/env bash
# Kills ranks of trainings at random moments, hundreds of times, and checks after each that the last checkpoint is whole, and in the
# end that the resumed training has the bits of one that was left alone.
#
#   scripts/soak.sh [KILLS [SEED]]     default 500, about 20 minutes; SEED chooses the moments, and is the time if there is none
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh
TESSERA_SOAK=${1:-500} TESSERA_SOAK_SEED=${2:-$(date +%s)} cargo test --locked -p tessera-cli --features mpi --test faults -- --exact --nocapture \
    ranks_killed_at_any_moment_leave_a_whole_checkpoint
