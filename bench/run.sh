#!/bin/sh
# Measures, in one run on one machine; Markdown on stdout. ./dev bench builds what it needs and calls this.
#   bench/run.sh [--seconds N] [--rounds N] [--build DIR] [--skip-resnet] [--overload] [--sklearn PYTHON]
set -eu
exec /usr/bin/env python3 "$(dirname "$0")/run.py" "$@"
