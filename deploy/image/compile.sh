#!/usr/bin/env bash
# Puts the application into the folder given, which is empty: compiled sources, the console's pages, the contract. What it
# depends on is not in it. The same tree gives the same bytes.
set -euo pipefail
target=$(cd "${1:?usage: compile.sh FOLDER}" && pwd)
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
[ -z "$(ls -A "$target")" ] || { echo "$target is not empty" >&2; exit 1; }
# Types are `make check`'s to look at.
tsc -p deploy/image/tsconfig.json --noCheck --outDir "$target"
vite build --logLevel error --config console/vite.config.ts --outDir "$target/dist/console"
find shared services cli workers/typescript -name '*.binpb' -exec cp --parents {} "$target" \;
cp cli/keep-compiled.cjs "$target/cli"
cp LICENSE "$target"
