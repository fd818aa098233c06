#!/usr/bin/env bash
# Puts what a node of test/kubernetes/node runs beside the kubelet into .foresize/kubernetes/runtime: Debian's containerd, runc
# and CNI plugins, unpacked and not installed, and the static programs of its Pods. What is there already is kept. Exits with
# 3, and says why, where it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."
runtime=$PWD/.foresize/kubernetes/runtime
programs=$PWD/test/kubernetes/node/programs
mkdir -p "$runtime"
cannot() { echo "no container runtime: $1" >&2; exit 3; }

if [ ! -x "$runtime/usr/bin/containerd" ]; then
  command -v apt-get > /dev/null || cannot 'its packages come by apt-get, which is not here'
  echo 'fetches containerd, runc and the CNI plugins of Debian, once: 36 MB, 180 MB unpacked'
  fresh=$(mktemp -d)
  trap 'rm -rf "$fresh"' EXIT
  (cd "$fresh" && apt-get -qq -o APT::Sandbox::User=root download containerd runc containernetworking-plugins) ||
    cannot 'apt-get does not find containerd, runc and containernetworking-plugins (apt-get update?)'
  for package in "$fresh"/*.deb; do dpkg-deb -x "$package" "$fresh/unpacked"; done
  rm -rf "$runtime/usr"
  mv "$fresh/unpacked/usr" "$runtime/usr"
fi
"$runtime/usr/bin/containerd" --version > /dev/null || cannot 'containerd does not run here'
"$runtime/usr/sbin/runc" --version > /dev/null || cannot 'runc does not run here'

command -v cc > /dev/null || cannot 'a C compiler makes the programs of its Pods, and there is none'
for source in "$programs"/*.c; do
  program=$runtime/$(basename "$source" .c)
  [ "$program" -nt "$source" ] || cc -O2 -Wall -Werror -static -o "$program" "$source" || cannot 'cc does not link statically'
done
