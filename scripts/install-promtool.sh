#!/usr/bin/env bash
# Puts a promtool for the tests at the path given: one that is there, else the one of Debian's package, unpacked without
# being installed, else a pinned one built by Go.
set -euo pipefail
target=$1
mkdir -p "$(dirname "$target")"
folder=$(cd "$(dirname "$target")" && pwd)
path=${PATH//"$folder:"/}
version=v0.305.0

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
  if (cd "$unpacked" && apt-get download prometheus > /dev/null 2>&1 && dpkg-deb -x prometheus_*.deb .); then
    install -m 755 "$unpacked/usr/bin/promtool" "$target"
    use "Debian's package"
  fi
fi
if command -v go > /dev/null && GOBIN=$folder go install "github.com/prometheus/prometheus/cmd/promtool@$version"; then
  use "built from $version"
fi
echo 'No promtool for the tests: install prometheus, or have apt-get, or Go, which builds a pinned one.' >&2
exit 1
