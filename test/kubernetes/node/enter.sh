#!/usr/bin/env bash
# Runs a command where a kubelet and a container runtime leave nothing behind: with mounts, a network, and processes of its
# own, and one cgroup. They can write below this project alone, and do so below $NODE_FOLDER, which is removed in the end, as
# is the cgroup $NODE_CGROUP. Usage: enter.sh COMMAND…   Exits with 3, and says why, where that cannot be.
set -euo pipefail
address=10.99.0.1
root=$(cd "$(dirname "$0")/../../.." && pwd)

if [ "${1:-}" != --inside ]; then
  cannot() { echo "no node: $1" >&2; exit 3; }
  [ "$(id -u)" = 0 ] || cannot 'a kubelet needs root'
  for program in unshare ip mount; do command -v "$program" > /dev/null || cannot "there is no $program"; done
  [ -d /sys/fs/cgroup/memory ] || cannot 'it was made for cgroup v1, which is not mounted here'
  grep -qw overlay /proc/filesystems || cannot 'the kernel has no overlay file system'
  unshare --mount --net --pid --fork true 2> /dev/null || cannot 'mount, network and PID namespaces are not allowed here'
  mkdir -p "$root/.foresize"
  NODE_FOLDER=$(mktemp -d "$root/.foresize/node-XXXXXX")
  NODE_CGROUP=/$(basename "$NODE_FOLDER")
  export NODE_FOLDER NODE_CGROUP NODE_ADDRESS=$address
  leave() {
    for _ in {1..50}; do
      find /sys/fs/cgroup/*"$NODE_CGROUP" -depth -type d -exec rmdir {} + 2> /dev/null || true
      compgen -G "/sys/fs/cgroup/*$NODE_CGROUP" > /dev/null || break
      sleep 0.2
    done
    rm -rf "$NODE_FOLDER"
  }
  trap leave EXIT
  for controller in /sys/fs/cgroup/*/; do
    mkdir "$controller$NODE_CGROUP" 2> /dev/null || continue
    # Empty in a new cgroup of v1, which then takes no process.
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$controller$file" ] || cat "$controller$file" > "$controller$NODE_CGROUP/$file"
    done
  done
  # With the first of its processes all of them end.
  unshare --mount --net --pid --fork --kill-child --mount-proc "$0" --inside "$@"
  exit
fi

shift
mount --bind "$root" "$root"
mount -o remount,bind,ro /
mkdir -p "$NODE_FOLDER"/{var-lib,var-log,sysctl,tmp}
export TMPDIR=$NODE_FOLDER/tmp
mount --bind "$NODE_FOLDER/var-lib" /var/lib
mount --bind "$NODE_FOLDER/var-log" /var/log
mount -t tmpfs tmpfs /run
# A kubelet sets these of the kernel, which are the machine's, unless they are as it wants them.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  name=${setting%=*}
  echo "${setting#*=}" > "$NODE_FOLDER/sysctl/${name//\//-}"
  mount --bind "$NODE_FOLDER/sysctl/${name//\//-}" "/proc/sys/$name"
done
echo "nameserver $NODE_ADDRESS" > "$NODE_FOLDER/resolv.conf"
mount --bind "$NODE_FOLDER/resolv.conf" "$(readlink -f /etc/resolv.conf)"
ip link set lo up
ip address add "$NODE_ADDRESS/32" dev lo
echo 1 > /proc/sys/net/ipv4/ip_forward
# Not exec: this first process reaps what its descendants leave.
"$@"
