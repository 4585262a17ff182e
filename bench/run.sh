#!/bin/sh
# Measures, in one run on one machine; Markdown on stdout. ./dev bench builds what it needs and calls this.
#   bench/run.sh [--peers] [--write FOLDER] …      bench/run.sh --help tells all
set -eu
exec /usr/bin/env python3 "$(dirname "$0")/run.py" "$@"
