#!/usr/bin/env bash
# Stops the Slurm that cluster/slurm-up.sh started in DIR: its jobs, then exactly its daemons, by their pid files.
#
#   cluster/slurm-down.sh DIR
set -uo pipefail
dir=${1:?usage: slurm-down.sh DIR}
export SLURM_CONF="$dir/slurm.conf"
for state in PENDING RUNNING; do timeout 10 scancel --quiet --state=$state --user=root 2>/dev/null; done
for _ in $(seq 1 50); do
    [ -z "$(timeout 10 squeue -h -t RUNNING,COMPLETING 2>/dev/null)" ] && break
    sleep 0.2
done
# A zombie counts as stopped: the first process of a container may be slow to reap it, or never do so.
running() { [ -r "/proc/$1/stat" ] && ! grep -q ') Z' "/proc/$1/stat"; }
stop() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 1 100); do
        running "$pid" || return 0
        sleep 0.1
    done
    echo "slurm-down: $1 must stop within 10 s, killing $pid" >&2
    kill -9 "$pid"
}
for file in "$dir"/run/slurmd-*.pid "$dir/run/slurmctld.pid" "$dir/munge/munged.pid"; do stop "$file"; done
