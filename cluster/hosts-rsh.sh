#!/usr/bin/env bash
# What mpirun starts its daemons with on a host of cluster/hosts-up.sh: hosts-rsh.sh NAME 10.77.0.2 command...
# The host gets a name and shared memory of its own, or every daemon would call itself by the same name.
name=$1
shift
while [[ $1 == -* ]]; do shift; done
host=$name${1##*.}
shift
exec ip netns exec "$host" unshare --uts --ipc sh -c "hostname $host; $*"
