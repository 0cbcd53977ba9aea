#!/usr/bin/env bash
# Makes N hosts on this machine: network namespaces NAME1, NAME2, … joined by a bridge, with the addresses 10.77.0.1, 10.77.0.2, … As root.
#
#   cluster/hosts-up.sh NAME N
#   cluster/hosts-mpirun.sh NAME 10.77.0.1:2,10.77.0.2:2 tessera train cases/burgers.toml --out burgers.h5
#   ip link set vNAME2 down        # a partition: host 2 runs, and reaches nobody
#   cluster/hosts-down.sh NAME
#
# NAME has at most 12 characters. Hosts share everything but the network, their name and System V's shared memory: files, too.
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
    # A connection whose peer is silent is given up after about 10 s and not after 15 minutes: Open MPI's daemons notice by it.
    ip netns exec "$name$i" sysctl -qw net.ipv4.tcp_retries2=5
done
