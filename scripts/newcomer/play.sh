#!/usr/bin/env bash
# What someone new types, in a fresh clone at ~/foresize: play.sh LANGUAGE…   Started by scripts/newcomer.sh.
set -euo pipefail
clone=$HOME/foresize
cd "$clone"
rows=()
commands=0
page=README.md

# Runs one command, which stands on the page that is read.
type_in() {
  grep -qF "$(head -1 <<< "$1")" "$clone/$page" || { echo "$page does not say: $1" >&2; exit 1; }
  run "$1"
}

run() {
  commands=$((commands + 1))
  echo "\$ $(head -1 <<< "$1")"
  if ! eval "$1" > /tmp/output 2>&1; then
    tail -20 /tmp/output
    echo "failed: $1" >&2
    exit 1
  fi
}

# block KIND N: the N-th of the page that a reader pastes.
block() {
  awk -v start="\`\`\`$1" -v n="$2" '$0 == start { i++; on = i == n; next } /^```/ { on = 0 } on' "$clone/$page"
}

expect() {
  grep -qE "$1" /tmp/output || { cat /tmp/output; echo "there is no $1" >&2; exit 1; }
}

# What was typed and took since the last row.
row() {
  local now
  now=$(date +%s)
  rows+=("$(printf '%-12s %8d %8d' "$1" "$commands" $((now - since)))")
  commands=0
  since=$now
}

up() {
  commands=$((commands + 1))
  echo '$ foresize up'
  foresize up > /tmp/up 2>&1 &
  for _ in $(seq 1200); do
    ! grep -q Ready /tmp/up || return 0
    kill -0 $! 2> /dev/null || break
    sleep 0.1
  done
  cat /tmp/up
  exit 1
}

not_run() { rows+=("$(printf '%-12s NOT RUN: %s' "$1" "$2")"); }

play_shell() {
  type_in "$(block sh 1)"
  type_in "$(block sh 2)"
  expect 'sure to suffice, from profile'
}

play_typescript() {
  page=docs/programs.md
  run "npx $(block sh 1)"
  expect 'sure to suffice'
}

play_python() {
  page=workers/python/README.md
  run 'python3 -m venv ~/venv'
  run 'source ~/venv/bin/activate'
  type_in 'pip install ./workers/python'
  run "python -c 'import foresize; print(foresize.run([\"sleep\", \"0.2\"], task=\"python\").outcome)'"
  expect succeeded
  run 'foresize estimate --task python'
}

play_go() {
  page=workers/go/README.md
  mkdir ~/own
  cd ~/own
  block go 1 > main.go
  run 'go mod init example.org/own'
  run "go mod edit -replace=github.com/foresize/foresize/workers/go=$clone/workers/go"
  run 'go mod tidy'
  run 'go run .'
  expect 'sort'
}

since=$(date +%s)
type_in 'make demo'
cp /tmp/output /tmp/demo
row 'make demo'
type_in 'export PATH="$PWD/cli:$PATH"'
up
row 'foresize up'
for language in "$@"; do
  page=README.md
  cd "$clone"
  case $language in
    shell) play_shell ;;
    typescript) play_typescript ;;
    python) command -v python3 > /dev/null || { not_run python 'there is no python3'; continue; }; play_python ;;
    go) command -v go > /dev/null || { not_run go 'there is no go'; continue; }; play_go ;;
    *) echo "there is no $language here: shell, typescript, python, go" >&2; exit 2 ;;
  esac
  row "$language"
done
kill %1
wait
grep -E 'saved,|^[0-9]+ runs' /tmp/demo
printf '\n%-12s %8s %8s\n' step commands seconds
printf '%s\n' "${rows[@]}"
