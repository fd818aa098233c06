#!/usr/bin/env bash
# A virtual environment with the Python worker, editable, and what tests and generates it: `install-python.sh MARK`, the
# mark being a file inside the environment. Without a fitting Python nothing is made, which only CI takes for a failure.
set -euo pipefail
mark=$1
venv=$(dirname "$mark")
cd "$(dirname "$0")/.."

missing() {
  echo "the Python worker is not tested: $1" >&2
  [ "${CI:-}" != true ] || exit 1
  exit 0
}

python=${PYTHON:-python3}
command -v "$python" > /dev/null || missing "there is no $python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  missing "$python is $("$python" -V 2>&1); its tools need 3.10 or newer (PYTHON=python3.x names another)"
rm -rf "$venv"
"$python" -m venv "$venv" || missing "$python has no venv module"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable 'workers/python[test,dev]' ||
  missing "its packages cannot be installed"
touch "$mark"
