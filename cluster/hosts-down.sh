#!/usr/bin/env bash
# Removes the hosts that cluster/hosts-up.sh NAME made; what still runs in them loses its network.
#
#   cluster/hosts-down.sh NAME
set -uo pipefail
name=${1:?usage: hosts-down.sh NAME}
for host in $(ip netns list | awk -v name="$name" '$1 ~ "^" name "[0-9]+$" { print $1 }'); do
    # By itself the link would go with the last process in the host.
    ip link del "v$host" 2>/dev/null
    ip netns del "$host"
done
ip link del "b$name" 2>/dev/null
exit 0
