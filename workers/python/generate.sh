#!/usr/bin/env bash
# Writes the Python code of proto/foresize/v1 below a folder: `generate.sh PYTHON FOLDER`. PYTHON has the `dev` extra.
set -euo pipefail
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../.."
out=$2
mkdir -p "$out"
PATH="$(dirname "$python"):$PATH" "$python" -m grpc_tools.protoc -I proto \
  --python_out="$out" --mypy_out="quiet:$out" proto/foresize/v1/*.proto
PATH="$(dirname "$python"):$PATH" "$python" -m grpc_tools.protoc -I proto \
  --grpc_python_out="$out" --mypy_grpc_out="quiet:$out" proto/foresize/v1/*_service.proto
touch "$out/foresize/v1/__init__.py"
