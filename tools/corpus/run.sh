#!/bin/sh
# Makes the whole corpus under tests/corpus: one venv a scikit-learn version, one for ONNX and the hostile files.
# Needs CPython 3.6 … 3.13 side by side (pyenv's layout) and PyPI. Slow; run by hand, never by the build.
#
#   tools/corpus/run.sh                 everything
#   tools/corpus/run.sh venvs           only the venvs
#   tools/corpus/run.sh sklearn 1.9.1   one scikit-learn version (several may be named)
#   tools/corpus/run.sh group NAME 1.9.1   make_NAME.py of that version, into tests/corpus/NAME/1.9.1
#   tools/corpus/run.sh onnx | hostile | manifest
#
# CORPUS_PYTHONS: folder with one Python installation a version (default ~/.pyenv/versions)
# CORPUS_VENVS:   where the venvs go (default $TMPDIR/venvs); never inside the repository
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$here/../.." && pwd)/tests/corpus
pythons=${CORPUS_PYTHONS:-$HOME/.pyenv/versions}
venvs=${CORPUS_VENVS:-${TMPDIR:-/tmp}/venvs}
versions="1.9.1 1.2.2 0.24.2 0.22.2 1.5.2 0.23.2 1.0.2 1.1.3 1.3.2 1.4.2 1.6.1 1.7.2 1.8.0"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0

# Which Python and which companions a version of scikit-learn gets. Pins only where a newer companion breaks it.
recipe() {
  case $1 in
    0.22.2) echo "3.6  scikit-learn==0.22.2.post1 numpy==1.18.5 scipy==1.4.1 pandas==1.0.5 joblib==0.14.1 cloudpickle==1.6.0 lz4==3.1.10" ;;
    0.23.2) echo "3.7  scikit-learn==0.23.2 numpy<1.20 pandas<1.2 joblib==0.16.0 cloudpickle lz4" ;;
    0.24.2) echo "3.8  scikit-learn==0.24.2 numpy<1.21 pandas<1.3 joblib==1.0.1 cloudpickle lz4" ;;
    1.0.2)  echo "3.9  scikit-learn==1.0.2 numpy<1.23 scipy<1.9 pandas<1.5 joblib==1.1.1 cloudpickle lz4 skops==0.3.0" ;;
    1.1.3)  echo "3.10 scikit-learn==1.1.3 numpy<1.24 pandas<1.6 joblib==1.2.0 cloudpickle lz4" ;;
    1.2.2)  echo "3.10 scikit-learn==1.2.2 numpy<1.25 pandas<2.1 joblib==1.2.0 cloudpickle lz4 skops==0.6.0" ;;
    1.3.2)  echo "3.11 scikit-learn==1.3.2 numpy<1.27 pandas<2.2 joblib==1.3.2 cloudpickle lz4" ;;
    1.4.2)  echo "3.12 scikit-learn==1.4.2 numpy<2 pandas<2.3 joblib==1.4.2 cloudpickle lz4" ;;
    1.5.2)  echo "3.12 scikit-learn==1.5.2 numpy<2.1 pandas<3 joblib==1.4.2 cloudpickle lz4" ;;
    1.6.1)  echo "3.12 scikit-learn==1.6.1 numpy<2.3 pandas<3 joblib==1.4.2 cloudpickle lz4" ;;
    1.7.2)  echo "3.13 scikit-learn==1.7.2 numpy<2.4 pandas<3 joblib==1.5.2 cloudpickle lz4" ;;
    1.8.0)  echo "3.13 scikit-learn==1.8.0 numpy<2.5 pandas<3 joblib cloudpickle lz4" ;;
    1.9.1)  echo "3.13 scikit-learn==1.9.1 numpy pandas joblib cloudpickle lz4 skops==0.16.0" ;;
    onnx)   echo "3.12 onnx==1.23.2 onnxruntime==1.32.0 numpy scikit-learn skl2onnx==1.20.0 cloudpickle dill" ;;
    *) echo "no recipe for $1" >&2; exit 2 ;;
  esac
}

venv() { # $1: version or "onnx"; prints the venv's python
  dir=$venvs/corpus-$1
  if [ ! -e "$dir/ready" ]; then
    set -f; set -- "$1" $(recipe "$1"); set +f
    name=$1 minor=$2; shift 2
    base=$(ls -d "$pythons/$minor".* | head -n 1)
    rm -rf "$dir"
    "$base/bin/python3" -m venv "$dir" >&2
    nice "$dir/bin/python" -m pip install -q --disable-pip-version-check --upgrade 'pip<26' >&2
    nice "$dir/bin/python" -m pip install -q --disable-pip-version-check --only-binary=:all: "$@" >&2
    touch "$dir/ready"
    echo "venv $name ready" >&2
  fi
  echo "$dir/bin/python"
}

make_sklearn() { for v in "$@"; do p=$(venv "$v"); nice "$p" -B "$here/make_sklearn.py" "$v" "$out/sklearn/$v"; done; }
make_onnx() { p=$(venv onnx); nice "$p" -B "$here/make_onnx.py" "$out/onnx"; }
make_hostile() { p=$(venv onnx); nice "$p" -B "$here/make_hostile.py" "$out"; }
make_manifest() { p=$(venv onnx); nice "$p" -B "$here/make_manifest.py" "$out"; }

case ${1:-all} in
  all) make_sklearn $versions; make_onnx; make_hostile; make_manifest ;;
  venvs) for v in $versions onnx; do venv "$v" || echo "venv $v failed" >&2; done ;;
  sklearn) shift; make_sklearn ${*:-$versions}; make_manifest ;;
  group) shift; group=$1; shift
    for v in ${*:-$versions}; do p=$(venv "$v"); nice "$p" -B "$here/make_$group.py" "$v" "$out/$group/$v"; done; make_manifest ;;
  onnx) make_onnx; make_manifest ;;
  hostile) make_hostile ;;
  manifest) make_manifest ;;
  *) sed -n '2,12p' "$0"; exit 2 ;;
esac
