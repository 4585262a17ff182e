#!/bin/sh
# Formatting of every source, shell syntax, and the rules no compiler knows. ./dev lint runs it.
# LINT_TIDY=1 adds clang-tidy (minutes): run it before a release, or on the files you touched: LINT_TIDY="src/base/json.cpp".
set -eu
cd "$(dirname "$0")/.."
failed=0

sources=$(git ls-files 'src/*.cpp' 'src/*.hpp' 'tests/*.cpp' 'tests/*.hpp' 'fuzz/*.cpp' 'fuzz/*.hpp' 'bench/*.cpp')
# shellcheck disable=SC2086
clang-format-19 --dry-run --Werror $sources || { echo "lint: run ./dev format" >&2; failed=1; }

for script in dev tools/*.sh bench/*.sh fuzz/*.sh; do
  [ -f "$script" ] || continue
  case $(head -n 1 "$script") in
    *bash*) bash -n "$script" || failed=1 ;;
    *) sh -n "$script" || failed=1 ;;
  esac
done

# A registry's host in the repository would tie a build to one place.
if git grep -nIE 'https?://[a-z0-9.-]*(pypi|pythonhosted|npmjs|crates\.io|proxy\.golang|deb\.debian)' -- ':!tools/lint.sh' ':!docs' >&2; then
  echo "lint: a registry's host is named" >&2
  failed=1
fi

# Operators alert on these: what the page names is what the program says.
for event in $(sed -n 's/^| `\([a-z_]*\.[a-z_]*\)` |.*/\1/p' docs/operations.md); do
  git grep -q "\"$event\"" -- 'src/*.cpp' || { echo "lint: docs/operations.md names the event $event, which nothing logs" >&2; failed=1; }
done

long=$(echo "$sources" | xargs wc -l | awk '$2 != "total" && $1 > 1000 {print $2 " has " $1 " lines"}')
[ -z "$long" ] || { echo "lint: $long (one concept a file)" >&2; failed=1; }

if [ -n "${LINT_TIDY:-}" ]; then
  files=$LINT_TIDY
  [ "$files" != 1 ] || files=$(git ls-files 'src/*.cpp' | grep -v _test)
  # A process a few files: one over all of them grows by gigabytes.
  printf '%s\n' $files | xargs -n 4 -P "${SLIPWAY_JOBS:-$(nproc)}" clang-tidy-19 -p build/release --quiet || failed=1
fi
[ "$failed" = 0 ] && echo "lint: clean" >&2
exit "$failed"
