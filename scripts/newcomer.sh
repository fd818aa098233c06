#!/usr/bin/env bash
# Plays the README's first page as someone new would: a fresh clone, empty caches, a root that has the system's Node,
# Python and compiler, but nothing of /usr/local, /opt and the home folders. newcomer.sh [LANGUAGE]…
# LANGUAGE: shell, typescript, python, go; by default all. Counts commands and seconds. A language whose tools the machine
# lacks is NOT RUN. Needs: Linux, root or user namespaces, the registries of npm, PyPI and Go, free ports 7070, 7071, 7080.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" != --inside ]; then
  [ $# -gt 0 ] || set -- shell typescript python go
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  mkdir -p "$root"/{usr,etc,proc,dev,tmp,go,home/new}
  for link in bin lib lib64 sbin; do [ ! -e /$link ] || ln -s "usr/$link" "$root/$link"; done
  git clone --quiet --no-hardlinks "$here" "$root/home/new/foresize"
  user=()
  [ "$(id -u)" = 0 ] || user=(--user --map-root-user)
  unshare "${user[@]}" --mount --pid --fork --kill-child "$here/scripts/newcomer.sh" --inside "$root" "$@"
  exit
fi
root=$2
shift 2
# The one toolchain that does not come as a system's package.
if command -v go > /dev/null; then mount --bind "$(go env GOROOT)" "$root/go"; fi
for place in usr etc dev; do mount --rbind "/$place" "$root/$place"; done
mount -t tmpfs tmpfs "$root/usr/local"
mount -t proc proc "$root/proc"
exec chroot "$root" /usr/bin/env -i HOME=/home/new PATH=/usr/bin:/bin:/go/bin TERM=dumb LANG=C.UTF-8 \
  bash /home/new/foresize/scripts/newcomer/play.sh "$@"
