#!/usr/bin/env bash
# limited.sh BYTES COMMAND…: the command in a cgroup (v1) of its own, with so much memory.
set -eu
bytes=$1
shift
group=/sys/fs/cgroup/memory/foresize-nextflow-$$
mkdir "$group"
echo "$bytes" > "$group/memory.limit_in_bytes"
code=0
bash -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$group" "$@" || code=$?
rmdir "$group"
exit "$code"
