#!/usr/bin/env bash
# Open MPI's mpirun over the hosts that cluster/hosts-up.sh NAME made, started on the first of them. Ranks of different hosts reach each
# other by TCP over the bridge, and in no other way.
#
#   cluster/hosts-mpirun.sh NAME 10.77.0.1:2,10.77.0.2:2 tessera train cases/burgers.toml --out burgers.h5
set -euo pipefail
name=${1:?usage: hosts-mpirun.sh NAME ADDRESS:RANKS,... PROGRAM ...} hosts=${2:?usage: hosts-mpirun.sh NAME ADDRESS:RANKS,... PROGRAM ...}
shift 2
agent="$(cd "$(dirname "$0")" && pwd)/hosts-rsh.sh $name"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent="$agent"
export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=10.77.0.0/24 OMPI_MCA_oob_tcp_if_include=10.77.0.0/24
# shellcheck disable=SC2016 # The shell within the host fills it in.
exec ip netns exec "${name}1" unshare --uts --ipc sh -c 'hostname "$0"; exec mpirun "$@"' "${name}1" --host "$hosts" "$@"
