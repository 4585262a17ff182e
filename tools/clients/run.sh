#!/bin/sh
# Real clients of other servers (Triton's, MLflow's, KServe's) against the program as it was built: a line a call. Needs PyPI the first time.
#   tools/clients/run.sh            SLIPWAY_PROGRAM chooses another program
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv="$here/../../build/clients-venv"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
# KServe's and Triton's messages have the same names: one process can't load both.
"$venv/bin/python" "$here/try_clients.py" triton_http triton_grpc mlflow_client kserve_v1
exec "$venv/bin/python" "$here/try_clients.py" kserve_client
