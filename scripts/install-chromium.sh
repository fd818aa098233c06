#!/usr/bin/env bash
# Puts a chromium for the console's tests at the path given: one that is there, else Debian's, unpacked with the
# libraries that the machine lacks and without being installed. Where none can be had nothing is put there, which only CI
# takes for a failure: the tests say that they were not run.
set -euo pipefail
target=$1
mkdir -p "$(dirname "$target")"
folder=$(cd "$(dirname "$target")" && pwd)
target=$folder/$(basename "$target")
path=${PATH//"$folder:"/}

use() {
  if version=$("$target" --version --no-sandbox 2> /dev/null); then
    echo "chromium for the tests: $version ($1)"
    exit 0
  fi
  rm -f "$target"
}

for name in ${FORESIZE_CHROMIUM:-} chromium chromium-browser google-chrome; do
  found=$(PATH=$path command -v "$name" || true)
  [ -n "$found" ] || continue
  ln -sfn "$found" "$target"
  use "$found"
done

root=$(dirname "$folder")/chromium
unpack() {
  rm -rf "$root" && mkdir -p "$root/archives"
  cd "$root/archives"
  # What an installation would bring is what this machine lacks.
  apt-get --print-uris -qq --no-install-recommends install chromium fonts-dejavu-core 2> /dev/null |
    awk '{ sub(/_.*/, "", $2); print $2 }' | xargs -r apt-get download > /dev/null 2>&1 || return 1
  compgen -G 'chromium_*.deb' > /dev/null || return 1
  for archive in *.deb; do dpkg-deb -x "$archive" .. || return 1; done
  rm -rf "$root/archives"
}

if command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null; then
  # A fresh machine has no lists of packages yet.
  (unpack) || { [ "$(id -u)" = 0 ] && apt-get update -qq && (unpack); } || true
  if [ -x "$root/usr/lib/chromium/chromium" ]; then
    cat > "$target" << RUN
#!/bin/sh
export LD_LIBRARY_PATH="$(find "$root/usr/lib" "$root/lib" -name '*.so*' -printf '%h\n' 2> /dev/null | sort -u | paste -sd:)"
export XDG_DATA_HOME="$root/usr/share"
[ -f /etc/fonts/fonts.conf ] || export FONTCONFIG_SYSROOT="$root"
exec "$root/usr/lib/chromium/chromium" "\$@"
RUN
    chmod 755 "$target"
    use "Debian's package"
  fi
fi
echo 'No chromium for the tests of the console: install one, or have apt-get, which fetches it.' >&2
[ "${CI:-}" != true ]
