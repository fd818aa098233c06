#!/usr/bin/env bash
# Runs the Python worker's tests and its part of the conformance vectors with every Python from 3.9 on that is on the
# path, or that pyenv has; each installs the package as a user does.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

declare -A found
for python in python3.{9,10,11,12,13,14,15} "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || continue
  [ "$(printf '3.9\n%s\n' "$version" | sort -V | head -1)" = 3.9 ] || continue
  found[$version]=${found[$version]:-$python}
done
[ ${#found[@]} -gt 0 ] || { echo 'there is no Python from 3.9 on' >&2; exit 1; }

failed=0
for version in $(printf '%s\n' "${!found[@]}" | sort -V); do
  "${found[$version]}" -m venv "$work/$version"
  cp -r workers/python "$work/package"
  "$work/$version/bin/python" -m pip install --quiet --disable-pip-version-check "$work/package[test]"
  rm -rf "$work/package"
  printf 'Python %s: ' "$version"
  (cd workers/python && "$work/$version/bin/python" -m pytest -p no:cacheprovider) || failed=1
  FORESIZE_TEST_PYTHON=$work/$version/bin/python vitest run --reporter=dot -t '^python ' \
    test/conformance/conformance.test.ts || failed=1
done
exit "$failed"
