#!/usr/bin/env bash
# fuzz/run.sh [TARGET...]: runs the fuzz targets (all, or those named: pickle, compression, ...), each for SLIPWAY_FUZZ_SECONDS (60).
# Starts from fuzz/corpus/<target>/ (kept, small; ctest replays it in every build) and, for model files, tests/corpus/; what it finds interesting goes to
# build/fuzz/found/<target>/, what breaks to build/fuzz/broken/<target>-*. To keep what was found:
#   build/fuzz/<target>_fuzz -merge=1 fuzz/corpus/<target> build/fuzz/found/<target>
set -eu
cd "$(dirname "$0")/.."
build="${SLIPWAY_FUZZ_BUILD:-build/fuzz}"
seconds="${SLIPWAY_FUZZ_SECONDS:-60}"
if [ $# -eq 0 ]; then
  set -- $(cd fuzz && ls -- *_fuzz.cpp | sed 's/_fuzz\.cpp$//')
fi
status=0
for target in "$@"; do
  program="$build/${target}_fuzz"
  if [ ! -x "$program" ]; then
    echo "fuzz/run.sh: no $program; build it with: cmake --build --preset fuzz --target fuzz_targets" >&2
    exit 1
  fi
  mkdir -p "$build/found/$target" "$build/broken" "fuzz/corpus/$target"
  dictionary=
  [ -f "fuzz/$target.dict" ] && dictionary="-dict=fuzz/$target.dict"
  more=
  case $target in
    pickle | compression) more=tests/corpus/hostile ;;
    hdf5) more=tests/corpus/hdf5 ;;
    python) more=tests/corpus/python ;;
    import)  # and small files that the library wrote: one version of each estimator, and what no library would write
      more="$build/seeds/import tests/corpus/hostile"
      mkdir -p "$build/seeds/import"
      find tests/corpus/sklearn/1.9.1 -name 'model.pkl' -size -8k | while read -r file; do
        cp "$file" "$build/seeds/import/$(basename "$(dirname "$file")")"
      done
      dictionary=-dict=fuzz/pickle.dict ;;
  esac
  echo "== $target, $seconds s"
  "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 -verbosity=1 \
    $dictionary -artifact_prefix="$build/broken/$target-" "$build/found/$target" "fuzz/corpus/$target" $more || status=1
done
exit $status
