#!/usr/bin/env bash
# Puts into the folder given what the image holds in all: the application, Node, foresize-run, and the libraries that the
# distroless base brings. So the image's contents can be run without a registry or a daemon. Needs: Linux with glibc, and what `make runner` builds.
set -euo pipefail
target=${1:?usage: bare-root.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$target"/{nodejs/bin,data,tmp,proc,dev}
chmod 1777 "$target/tmp"
"$here/assemble.sh" "$target/app"
cp "$(readlink -f "$root/node_modules/node/bin/node")" "$target/nodejs/bin/node"
cp "$root/.foresize/bin/foresize-run" "$target/foresize-run"
find "$target" -type f \( -name node -o -name '*.node' \) -exec ldd {} + 2> /dev/null |
  grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
    [ -e "$library" ] || continue
    mkdir -p "$target$(dirname "$library")"
    cp --dereference "$library" "$target$library"
  done
