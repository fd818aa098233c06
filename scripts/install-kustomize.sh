#!/usr/bin/env bash
# Puts a kustomize for the tests at the path given: one that is there, kubectl's own, else a pinned one built by Go.
set -euo pipefail
target=$1
mkdir -p "$(dirname "$target")"
version=v5.7.1
without=$(cd "$(dirname "$target")" && pwd)
path=${PATH//"$without:"/}

use() {
  echo "kustomize for the tests: $1"
  exit 0
}

if found=$(PATH=$path command -v kustomize); then
  ln -sfn "$found" "$target"
  use "$found"
fi
if found=$(PATH=$path command -v kubectl) && "$found" kustomize --help > /dev/null 2>&1; then
  # `kustomize build FOLDER` is `kubectl kustomize FOLDER`.
  printf '#!/bin/sh\nshift\nexec %s kustomize "$@"\n' "$found" > "$target"
  chmod +x "$target"
  use "$found kustomize"
fi
if command -v go > /dev/null && GOBIN=$without go install "sigs.k8s.io/kustomize/kustomize/v5@$version"; then
  use "built from $version"
fi
echo 'No kustomize for the tests: install kustomize or kubectl, or have Go, which builds a pinned one.' >&2
exit 1
