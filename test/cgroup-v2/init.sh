#!/bin/busybox sh
# The first process of the small system: runs the runner in cgroups of v2, and prints for each scenario the exit code and
# what its spool holds, in base64. The limits are those of a container: set from outside, only read by the runner.
/bin/busybox mkdir -p /proc /sys /dev /tmp /usr/bin /sbin
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
mount -t cgroup2 none /sys/fs/cgroup
top=/sys/fs/cgroup
echo '+memory +cpu' > $top/cgroup.subtree_control

# group PATH LIMIT: a cgroup that may hold so much, its controllers handed on to those below.
group() {
  mkdir -p "$top/$1"
  echo "$2" > "$top/$1/memory.max"
  echo 0 > "$top/$1/memory.swap.max" 2> /dev/null
}

# inside PATH NAME COMMAND…: runs the command by the runner, both in that cgroup, and reports.
inside() {
  procs=$top/$1/cgroup.procs
  name=$2
  shift 2
  spool=/tmp/$name
  sh -c 'echo $$ > "$0" && exec "$@"' "$procs" /bin/foresize-run --task "$name" --execution-id "$name" \
    --memory 64MB --spool "$spool" --profiler unix:/none --report-within 0s -- "$@" > /tmp/out 2>&1
  code=$?
  cat /tmp/out
  echo "SCENARIO $name $code $(cat $spool/*.journal | base64 | tr -d '\n')"
}

group peak max; group plain 64M; group kill 30M; group everything 30M; group tight 20000000; group slow 256M
group job 64M; echo '+memory' > $top/job/cgroup.subtree_control; mkdir -p $top/job/step
echo '+memory' > $top/job/step/cgroup.subtree_control; mkdir -p $top/job/step/task
# A cgroup that may be made above would let the command escape: it must not be.
echo 1 > $top/everything/memory.oom.group
echo '20000 100000' > $top/slow/cpu.max

inside peak unlimited /bin/burn 20000000 0
inside plain peak /bin/burn 20000000 100
inside plain again /bin/burn 1000000 0
inside tight tight /bin/burn 12000000 0
inside kill killed sh -c '/bin/burn 200000000 0'
inside everything everything sh -c '/bin/burn 200000000 0'
inside job/step/task nested /bin/burn 20000000 0
inside slow throttled /bin/burn 1000000 500
echo DONE
poweroff -f
