#!/usr/bin/env bash
# Start a real Slurm on this machine, as root, without systemd or cgroups: two nodes of two CPUs each, the partition
# `main`, and `high`, whose jobs take the place of those in `main`, which are queued again.
# Without cgroups Slurm kills nothing for its memory: what OUT_OF_MEMORY means is tested with answers that are made up.
#
#   eval "$(tests/integration/slurm/up.sh FOLDER)"   # prints: export SLURM_CONF=…
#
# Needs apt-get install slurm-wlm munge; with mariadb-server and slurmdbd, too, there is accounting (sacct).
set -euo pipefail
S=${1:?a folder for state and logs}
HOST=$(hostname -s)
trap 'echo "failed; $S/log says why:" >&2; tail -n 3 "$S"/log/* >&2' ERR
mkdir -p "$S"/{ctld,log,run,n1,n2}
chmod 755 "$S" "$S"/{ctld,log,run}

wait_for() { # until a command succeeds, ten seconds at most
  for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  echo "never succeeded: $*" >&2
  return 1
}

start_munge() {
  install -d -o munge -g munge -m 755 /run/munge
  munge -n >/dev/null 2>&1 && return
  [ -s /etc/munge/munge.key ] || { head -c 1024 /dev/urandom >/etc/munge/munge.key; chown munge: /etc/munge/munge.key; chmod 400 /etc/munge/munge.key; }
  runuser -u munge -- /usr/sbin/munged --pid-file=/run/munge/cxr-xai.pid >"$S/log/munge.log" 2>&1
  wait_for munge -n
}

start_accounting() {
  mkdir -p "$S/mysql"
  chown mysql "$S/mysql"
  [ -d "$S/mysql/mysql" ] ||
    mariadb-install-db --no-defaults --user=mysql --datadir="$S/mysql" --skip-test-db >"$S/log/mysql_install.log" 2>&1
  export MYSQL_UNIX_PORT=$S/mysql/socket # which slurmdbd asks for, too
  setsid mariadbd --no-defaults --user=mysql --datadir="$S/mysql" --skip-networking --socket="$MYSQL_UNIX_PORT" \
    --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --pid-file="$S/mysql/mysqld.pid" >"$S/log/mysqld.log" 2>&1 &
  wait_for mariadb --no-defaults -e 'select 1'
  mariadb --no-defaults -e "create database if not exists slurm_acct_db;
    create user if not exists 'slurm'@'localhost' identified by 'slurm'; grant all on slurm_acct_db.* to 'slurm'@'localhost';"
  cat >"$S/slurmdbd.conf" <<C
AuthType=auth/munge
DbdHost=$HOST
DbdAddr=127.0.0.1
DbdPort=26820
SlurmUser=root
PidFile=$S/run/slurmdbd.pid
LogFile=$S/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
C
  chmod 600 "$S/slurmdbd.conf"
}

ACCOUNTING="AccountingStorageType=accounting_storage/none"
if type mariadbd slurmdbd >/dev/null 2>&1; then
  ACCOUNTING="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=26820"
fi
# Two CPUs a node whatever the machine has (config_overrides); a finished job is forgotten after 20 s (MinJobAge), so
# that accounting is asked, too.
cat >"$S/slurm.conf" <<C
ClusterName=small
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
SlurmctldPort=26817
SlurmctldPidFile=$S/run/slurmctld.pid
SlurmdPidFile=$S/run/slurmd-%n.pid
SlurmctldLogFile=$S/log/slurmctld.log
SlurmdLogFile=$S/log/slurmd-%n.log
StateSaveLocation=$S/ctld
SlurmdSpoolDir=$S/%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
$ACCOUNTING
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=${SLURMCTLD_PARAMETERS-preempt_send_user_signal}
JobRequeue=1
KillWait=5
MinJobAge=20
SlurmdTimeout=300
InactiveLimit=0
ReturnToService=2
DefMemPerCPU=500
NodeName=n[1-2] NodeHostname=$HOST NodeAddr=127.0.0.1 Port=[26818-26819] CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=1 GraceTime=60
PartitionName=high Nodes=n[1-2] MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
C
export SLURM_CONF=$S/slurm.conf
start_munge
if [ "${ACCOUNTING#*none}" = "$ACCOUNTING" ]; then
  start_accounting
  slurmdbd >"$S/log/start.log" 2>&1
  wait_for sacctmgr -n -i list cluster
  sacctmgr -n list cluster format=cluster | grep -qw small || sacctmgr -i -Q add cluster small >/dev/null
fi
slurmctld -c >>"$S/log/start.log" 2>&1 # daemons keep what they are given open, and a caller would wait for its end
for node in n1 n2; do slurmd -N $node >>"$S/log/start.log" 2>&1; done
is_idle() { [ "$(sinfo -h -o %t -p main | sort -u | tr -d '\n')" = idle ]; }
wait_for is_idle
echo "export SLURM_CONF=$SLURM_CONF"
