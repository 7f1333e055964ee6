#!/bin/bash
#
# Runs all of the properties that test/run.sh tries a hundredth of: promises
# about chance, over thousands of fits and comparisons; jobs under writers,
# kills and crashes; jobs over ten million rows. Takes hours; the last line is
# "N passed, N failed".
#
#   test/long.sh [SEED [PATTERN]]
#
# Without a seed a new one is drawn, and printed: with it the run repeats. A
# TAP test is one of them if its name has "properties" in it, or is named
# below; it does more where ANOMALY_LONG is set. A pattern picks some:
# test/long.sh 42 drift_properties

set -euo pipefail

seed=${1:-$((RANDOM * 32768 + RANDOM))}
only=${2:-@(properties|jobs_torture|jobs_cost|market_oracle|market_order_log|clients|site)}
export ANOMALY_LONG=yes ANOMALY_TEST_SEED=$seed
echo "seed $seed"
exec "$(dirname "${BASH_SOURCE[0]}")/run.sh" "$only"
