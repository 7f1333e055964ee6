#!/bin/bash
# Runs the benchmarks of the series functions; see bench/run.sh for settings.
exec "$(dirname "${BASH_SOURCE[0]}")/run.sh" series series_labeled
