#!/usr/bin/env bash
# The tests on a real node: builds what is missing, says what it costs, and runs them. Where it cannot it says NOT RUN, and fails.
set -euo pipefail
cd "$(dirname "$0")/../../.."
enter=test/kubernetes/node/enter.sh

# What is asked first is whether a node can be here at all, then what takes long.
status=0
{ "$enter" true && scripts/install-node.sh && scripts/build-kubernetes.sh node; } || status=$?
[ $status != 3 ] || { echo 'NOT RUN: test/kubernetes/node needs a node that runs Pods' >&2; exit 1; }
[ $status = 0 ] || exit $status
echo 'starts a node, installs foresize on it and restarts it under load: some five minutes, 2.3 GB of memory, 1 GB of disk'
exec "$enter" vitest run --config test/kubernetes/node/vitest.config.ts
