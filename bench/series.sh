#!/bin/bash
# Runs the benchmark of the series functions; see bench/run.sh for settings.
exec "$(dirname "${BASH_SOURCE[0]}")/run.sh" series
