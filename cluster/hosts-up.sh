#!/usr/bin/env bash
# Makes N hosts on this machine: network namespaces NAME1, NAME2, … joined by a bridge, with the addresses 10.77.0.1, 10.77.0.2, … As root.
#
#   cluster/hosts-up.sh NAME N
#   mpirun --mca plm rsh --mca plm_rsh_agent "cluster/hosts-rsh.sh NAME" --host 10.77.0.1:2,10.77.0.2:2 ...   from within NAME1
#   ip link set vNAME2 down        # a partition: host 2 runs, and reaches nobody
#   cluster/hosts-down.sh NAME
set -euo pipefail
name=${1:?usage: hosts-up.sh NAME N} hosts=${2:?usage: hosts-up.sh NAME N}
ip link add "b$name" type bridge
ip link set "b$name" up
for i in $(seq 1 "$hosts"); do
    ip netns add "$name$i"
    ip link add "v$name$i" type veth peer name eth0 netns "$name$i"
    ip link set "v$name$i" master "b$name" up
    ip -n "$name$i" addr add "10.77.0.$i/24" dev eth0
    ip -n "$name$i" link set eth0 up
    ip -n "$name$i" link set lo up
done
