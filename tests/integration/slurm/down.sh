#!/usr/bin/env bash
# End all jobs and stop what up.sh started in a folder, by its files of process numbers.
S=${1:?the folder that up.sh was given}
export SLURM_CONF=$S/slurm.conf
[ -f "$SLURM_CONF" ] && timeout 10 scancel --quiet --user="$(id -un)"
for _ in $(seq 100); do [ -z "$(timeout 5 squeue --noheader 2>/dev/null)" ] && break; sleep 0.1; done
for file in "$S"/run/slurmd-n1.pid "$S"/run/slurmd-n2.pid "$S"/run/slurmctld.pid "$S"/run/slurmdbd.pid \
  "$S"/mysql/mysqld.pid /run/munge/cxr-xai.pid; do
  [ -f "$file" ] && number=$(cat "$file") && kill "$number" 2>/dev/null &&
    for _ in $(seq 100); do kill -0 "$number" 2>/dev/null || break; sleep 0.1; done
done
true
