#!/usr/bin/env bash
# Starts a real Slurm of several virtual nodes on this machine, for tests and for trying out batch files. As root, without systemd;
# everything lives in DIR, nothing under /etc or /run is touched, and several can run side by side.
#
#   cluster/slurm-up.sh DIR [NODES [CPUS [PORT]]]     default: 3 nodes of 4 CPUs; the controller's port is PORT, nodes have those after it
#   export SLURM_CONF=DIR/slurm.conf                  then sbatch, srun, squeue, sinfo as anywhere
#   cluster/slurm-down.sh DIR
#
# scripts/install.sh --cluster installs what it needs.
set -euo pipefail
dir=${1:?usage: slurm-up.sh DIR [NODES [CPUS [PORT]]]} nodes=${2:-3} cpus=${3:-4} port=${4:-16817}
[ "$(id -u)" -eq 0 ] || { echo "slurm-up: must be root, because slurmctld and slurmd start processes of other users" >&2; exit 1; }
export PATH="$PATH:/usr/sbin:/sbin"
for program in munged slurmctld slurmd scontrol; do
    command -v "$program" >/dev/null || { echo "slurm-up: $program is missing; run scripts/install.sh --cluster" >&2; exit 1; }
done
host=$(hostname -s)
umask 022
mkdir -p "$dir"/{munge,state,log,run,spool}
dir=$(cd "$dir" && pwd)
chmod 755 "$dir" "$dir/munge"

# --- Munge: a key and a socket of our own ---------------------------------------------------------------------------
(umask 077; head -c 1024 /dev/urandom >"$dir/munge/key")
munged --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/munged.pid" \
    --log-file="$dir/munge/munged.log" --seed-file="$dir/munge/seed" --num-threads=2 --force

# --- The configuration ----------------------------------------------------------------------------------------------
# cred_expire: a requeued job waits that long (120 s by default). SlurmdTimeout: after that a node without its slurmd
# is down, and its jobs are requeued. config_overrides: accept more CPUs than the machine has. Jobs in `high` take nodes
# from jobs in `low`, which get SIGUSR1 (preempt_send_user_signal) and 20 s of grace.
cat >"$dir/slurm.conf" <<CONF
ClusterName=tessera
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge/socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdSpoolDir=$dir/spool/%n
TmpFS=$dir/tmp/%n
SlurmdPidFile=$dir/run/slurmd-%n.pid
SlurmdLogFile=$dir/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=${TESSERA_SLURM_MPI:-pmix}
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=3600
JobRequeue=1
KillOnBadExit=1
InactiveLimit=0
SlurmctldTimeout=30
SlurmdTimeout=10
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=$cpus RealMemory=2000 State=UNKNOWN
PartitionName=low  Nodes=ALL Default=YES PriorityTier=1  MaxTime=60 PreemptMode=REQUEUE GraceTime=20 State=UP
PartitionName=high Nodes=ALL Default=NO  PriorityTier=10 MaxTime=60 PreemptMode=OFF State=UP
CONF
# slurmd wants a cgroup plugin even when nothing uses it; v1 by name also starts where /sys/fs/cgroup is missing.
echo "CgroupPlugin=cgroup/v1" >"$dir/cgroup.conf"

# --- The daemons ----------------------------------------------------------------------------------------------------
export SLURM_CONF="$dir/slurm.conf"
slurmctld -c
for i in $(seq 1 "$nodes"); do
    mkdir -p "$dir/spool/n$i" "$dir/tmp/n$i"
    slurmd -N "n$i"
done
for _ in $(seq 1 300); do
    [ "$(scontrol show nodes -o 2>/dev/null | grep -c 'State=IDLE ')" = "$nodes" ] && exit 0
    sleep 0.1
done
echo "slurm-up: the nodes must be idle after 30 s; the logs are in $dir/log" >&2
scontrol show nodes -o >&2 || true
exit 1
