#!/usr/bin/env bash
# Runs a launcher, and ends it if it outlives its ranks.
#
#   cluster/launch.sh mpirun -n 4 tessera train cases/burgers.toml --out burgers.h5
#
# A rank that is killed in the moment in which it connects to Open MPI's mpirun can leave mpirun waiting for ever: it ends all
# other ranks, says so, and then waits for a lock of PMIx (seen with Open MPI 4.1.4 and PMIx 4.2.2; the stack is in
# benches/record/2026-11-22-soak.md). srun has no part in this. Signals that end a job are passed on.
set -uo pipefail
[ $# -gt 0 ] || { echo "usage: launch.sh mpirun -n 4 PROGRAM ..." >&2; exit 2; }
"$@" <&0 &
launcher=$!
for signal in INT TERM HUP; do
    # shellcheck disable=SC2064 # The values of now.
    trap "kill -$signal $launcher 2>/dev/null" "$signal"
done

# Whether the launcher has a child that is no zombie.
has_ranks() {
    local child
    for child in $(cat /proc/"$launcher"/task/*/children 2>/dev/null); do
        grep -q '^State:.Z' "/proc/$child/status" 2>/dev/null || return 0
    done
    return 1
}
guard() {
    local had="" left=50
    while sleep 0.2 >/dev/null 2>&1; do
        if has_ranks; then had=yes left=50; elif [ -n "$had" ]; then left=$((left - 1)); fi
        [ "$left" -gt 0 ] && continue
        echo "launch.sh: $1 has outlived its ranks by 10 s, and is killed" >&2
        kill -KILL "$launcher"
        return
    done
}
guard "$1" &
guard=$!
# A signal ends `wait` early, with a code above 128; while the launcher is there, its own code is still to come.
while true; do
    wait "$launcher"
    code=$?
    kill -0 "$launcher" 2>/dev/null || break
done
[ "$code" -gt 128 ] && { wait "$launcher"; code=$?; }
kill "$guard" 2>/dev/null
exit "$code"
