#!/usr/bin/env bash
# Known vulnerabilities in what the product runs on. A registry that cannot be asked is said, not failed on.
set -euo pipefail
report=$(npm audit --omit=dev --audit-level=high --json 2> /dev/null) && { echo 'audit: nothing high or critical in production dependencies'; exit 0; }
if grep -q '"auditReportVersion"' <<< "$report"; then
  npm audit --omit=dev --audit-level=high || exit 1
fi
echo 'audit: NOT DONE, the npm registry gave no advisories' >&2
