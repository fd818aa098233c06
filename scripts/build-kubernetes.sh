#!/usr/bin/env bash
# Builds the Kubernetes of test/kubernetes into .foresize/kubernetes, from Go modules: `build-kubernetes.sh PROGRAM…`, of
# etcd, kube-apiserver and node (kubelet, kube-controller-manager and kube-scheduler in one). What is there already in this
# version is kept. Exits with 3, and says why, where it cannot be built.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.foresize/kubernetes
modules=$PWD/test/kubernetes/binaries
version=$(sed -n 's/^\tk8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' "$modules/go.mod")
mkdir -p "$folder"

# Packages, and seconds of one core that it took to build them with nothing cached.
declare -A package=([etcd]=go.etcd.io/etcd/server/v3 [kube-apiserver]=k8s.io/kubernetes/cmd/kube-apiserver [node]=./node)
declare -A seconds=([etcd]=90 [kube-apiserver]=580 [node]=225)
declare -A parts=([node]='kubelet kube-controller-manager kube-scheduler')

missing=() cost=0
for program in "$@"; do
  [ -n "${package[$program]:-}" ] || { echo "build-kubernetes.sh: no program $program" >&2; exit 2; }
  [ -x "$folder/$program" ] && [ "$(cat "$folder/$program.version" 2> /dev/null)" = "$version" ] && continue
  missing+=("$program") cost=$((cost + seconds[$program]))
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v go > /dev/null || { echo "Kubernetes is not built: there is no go" >&2; exit 3; }
echo "builds ${missing[*]} of Kubernetes $version, once: about $cost s of CPU, at most 0.7 GB of modules and 2.2 GB of Go's build cache"
IFS=. read -r major minor _ <<< "${version#v}"
stamp=k8s.io/component-base/version
cd "$modules"
go mod download k8s.io/kubernetes || { echo "Kubernetes is not built: its modules cannot be downloaded ($(go version))" >&2; exit 3; }
for program in "${missing[@]}"; do
  CGO_ENABLED=0 go build -trimpath -o "$folder/$program" \
    -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor" "${package[$program]}"
  for part in ${parts[$program]:-}; do ln -sfn "$program" "$folder/$part"; done
  echo "$version" > "$folder/$program.version"
done
