#!/usr/bin/env bash
# Puts what the image holds into the folder given: compiled sources, the console's pages, the contract, production dependencies.
# The same tree gives the same bytes: no clock, no network, no order of a directory goes in.
# Needs: node_modules as `npm ci` leaves it.
set -euo pipefail
target=${1:?usage: assemble.sh FOLDER}
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$target"
target=$(cd "$target" && pwd)
cd "$root"

deploy/image/compile.sh "$target"
node -e '
  const { name, version, license, type, engines, dependencies } = require("./package.json")
  process.stdout.write(`${JSON.stringify({ name, version, license, type, private: true, engines, dependencies }, null, 2)}\n`)
' > "$target/package.json"

npm ls --omit=dev --all --parseable 2> /dev/null | tail -n +2 | sort -u | while read -r package; do
  place=$target/${package#"$root/"}
  mkdir -p "$place"
  # A package that lies inside another comes with its own line.
  tar -C "$package" --exclude ./node_modules -cf - . | tar -C "$place" -xf -
done

# What a running service never reads: types, maps, prose, tests, and the C sources that lmdb builds from elsewhere.
find "$target/node_modules" -type f \
  \( -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' -o -name '*.md' -o -name '*.c' -o -name '*.cc' \
  -o -name '*.cpp' -o -name '*.h' -o -name '*.gyp' -o -name '*.tsbuildinfo' -o -name '.*' \) -delete
# Of the binaries that lmdb and msgpackr bring, Node 24 on glibc loads the N-API ones.
find "$target/node_modules" -type f \( -name '*.musl.node' -o -name 'node.abi*.node' \) -delete
rm -rf "$target"/node_modules/lmdb/{dependencies,src,test,bench} \
  "$target"/node_modules/@grpc/grpc-js/src "$target"/node_modules/protobufjs/{dist,cli,scripts} \
  "$target"/node_modules/zod/src "$target"/node_modules/{d3,d3-*,@observablehq/plot}/dist
find "$target" -depth -type d -empty -delete
find "$target" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +
find "$target" -type d -exec chmod 755 {} +
find "$target" -type f -exec chmod 644 {} +
