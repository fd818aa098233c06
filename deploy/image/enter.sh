#!/usr/bin/env bash
# Runs a program inside a bare root as the image would: unprivileged, the root read-only, /data its own.
# Usage: enter.sh FOLDER PROGRAM [ARGUMENT]…   Needs: root, or user namespaces.
set -euo pipefail
folder=$1
if [ "${2:-}" != --inside ]; then
  shift
  if [ "$(id -u)" != 0 ]; then exec unshare --user --map-root-user --mount "$0" "$folder" --inside 0 "$@"; fi
  if unshare --mount true 2> /dev/null; then exec unshare --mount "$0" "$folder" --inside 65532 "$@"; fi
  # No mounts here, as in a container without privileges: what the user does not own is read-only all the same.
  chown 65532:65532 "$folder/data"
  exec chroot --userspec=65532:65532 "$folder" "$@"
fi
user=$3
shift 3
mount --bind "$folder" "$folder"
mount -o remount,bind,ro "$folder"
mount -t tmpfs -o "size=256m,mode=1777" tmpfs "$folder/data"
mount -t tmpfs -o "size=16m,mode=1777" tmpfs "$folder/tmp"
mount --rbind /proc "$folder/proc"
if [ "$user" = 0 ]; then exec chroot "$folder" "$@"; fi
exec chroot --userspec="$user:$user" "$folder" "$@"
