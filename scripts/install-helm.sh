#!/usr/bin/env bash
# Puts a helm for the tests at the path given: one that is there, else a pinned one built by Go (about 420 s of CPU, once).
set -euo pipefail
target=$1
mkdir -p "$(dirname "$target")"
version=v4.3.2
without=$(cd "$(dirname "$target")" && pwd)
path=${PATH//"$without:"/}

if found=$(PATH=$path command -v helm); then
  ln -sfn "$found" "$target"
  echo "helm for the tests: $found"
elif command -v go > /dev/null && CGO_ENABLED=0 GOBIN=$without go install -trimpath -ldflags '-s -w' "helm.sh/helm/v4/cmd/helm@$version"; then
  echo "helm for the tests: built from $version"
else
  echo 'No helm for the tests: install helm, or have Go, which builds a pinned one.' >&2
  exit 1
fi
