#!/usr/bin/env bash
# Static checks of the Python and Go workers, and that their generated code is what proto/ generates; with --write,
# generates it. A toolchain that is missing is named and, but in CI, passed over.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.foresize/venv/bin/python
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

missing() {
  echo "not checked: $1" >&2
  [ "${CI:-}" != true ] || exit 1
}

# compare FRESH CHECKED-IN
compare() {
  if [ "${write:-}" = yes ]; then
    cp -r "$1/." "$2/"
  else
    diff -r --exclude=__pycache__ "$1" "$2" || { echo "$2 is not what proto/ generates: run 'make generate'" >&2; exit 1; }
  fi
}
[ "${1:-}" != --write ] || write=yes

if [ -x "$python" ]; then
  workers/python/generate.sh "$python" "$fresh/python"
  compare "$fresh/python/foresize/v1" workers/python/src/foresize/v1
  [ "${write:-}" = yes ] || (cd workers/python && "../../$python" -m mypy --no-error-summary)
else
  missing "the Python worker (make sdks says why)"
fi

# What is to be generated may be what the driver cannot be built without.
if [ -x .foresize/bin/conformance-go ] || { [ "${write:-}" = yes ] && command -v go > /dev/null; }; then
  buf generate --template workers/go/buf.gen.yaml --path proto/foresize/v1 --output "$fresh"
  compare "$fresh/workers/go/foresizev1" workers/go/foresizev1
  if [ "${write:-}" != yes ]; then
    unformatted=$(cd workers/go && gofmt -l .)
    [ -z "$unformatted" ] || { echo "gofmt would change $unformatted" >&2; exit 1; }
    (cd workers/go && go vet ./... && go mod verify > /dev/null)
  fi
else
  missing "the Go worker (make sdks says why)"
fi
