#!/usr/bin/env bash
# Builds a command of workers/go, static, with the version of package.json: `build-go.sh FILE PACKAGE`. Without Go nothing is built, which only CI takes
# for a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
case $1 in /*) out=$1 ;; *) out=$PWD/$1 ;; esac
package=$2
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)

missing() {
  echo "$package of workers/go is not built: $1" >&2
  [ "${CI:-}" != true ] || exit 1
  exit 0
}

command -v go > /dev/null || missing "there is no go"
[ "$package" != ./cmd/foresize-run ] || [ "$(go env GOOS)" = linux ] || missing "it is for Linux"
mkdir -p "$(dirname "$out")"
cd workers/go
go mod download 2> /dev/null || missing "its modules cannot be downloaded ($(go version))"
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$out" "$package"
