#!/usr/bin/env bash
# Puts a promtool for the tests at the path given: one that is there, else the one of Debian's package, unpacked without
# being installed.
set -euo pipefail
target=$1
mkdir -p "$(dirname "$target")"
folder=$(cd "$(dirname "$target")" && pwd)
path=${PATH//"$folder:"/}

use() {
  echo "promtool for the tests: $("$target" --version 2>&1 | head -n 1) ($1)"
  exit 0
}

if found=$(PATH=$path command -v promtool); then
  ln -sfn "$found" "$target"
  use "$found"
fi
if command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null; then
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  download() { (cd "$unpacked" && apt-get download prometheus > /dev/null 2>&1); }
  # A fresh machine has no lists of packages yet.
  download || { [ "$(id -u)" = 0 ] && apt-get update -qq && download; } || true
  if (cd "$unpacked" && dpkg-deb -x prometheus_*.deb . 2> /dev/null); then
    install -m 755 "$unpacked/usr/bin/promtool" "$target"
    use "Debian's package"
  fi
fi
echo 'No promtool for the tests: install prometheus, which brings it, or have apt-get, which fetches it.' >&2
exit 1
