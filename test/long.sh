#!/bin/bash
#
# Runs all of the properties that test/run.sh tries a hundredth of: promises
# about chance, over thousands of fits and comparisons; jobs under writers,
# kills and crashes; jobs over ten million rows; and the regression tests on a
# server that vacuums all the time (vacuum). Then builds the packages, each
# on a fresh machine (deb.sh, containers.sh), if root runs it. Takes hours; the
# last line is "N passed, N failed".
#
#   test/long.sh [SEED [PATTERN]]
#
# Without a seed a new one is drawn, and printed: with it the run repeats. A
# TAP test is one of them if it does more where ANOMALY_LONG is set, or if its
# name has "properties" in it. A pattern picks some, of the scripts too:
# test/long.sh 42 drift_properties, test/long.sh 42 deb

set -euo pipefail

seed=${1:-$((RANDOM * 32768 + RANDOM))}
pattern=${2:-}
here=$(dirname "${BASH_SOURCE[0]}")
passed=0
failed=0
export ANOMALY_LONG=yes ANOMALY_TEST_SEED=$seed
echo "seed $seed"

# Runs a script and adds its count to the sum.
count() {
	local last

	{ last=$("$@" | tee /dev/fd/3 | tail -n 1) || true; } 3>&1
	[[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]] || { failed=$((failed + 1)); return; }
	passed=$((passed + BASH_REMATCH[1]))
	failed=$((failed + BASH_REMATCH[2]))
}

case $pattern in
	deb | containers | vacuum) ;;
	*) count "$here/run.sh" "${pattern:-@(properties|site|$(cd "$here/t" && grep -l ANOMALY_LONG ./*.pl | sed 's,^./,,' | paste -sd '|'))}" ;;
esac
[[ -n $pattern && $pattern != vacuum ]] || ANOMALY_VACUUM=yes count "$here/run.sh"
for script in deb containers; do
	[ "$(id -u)" = 0 ] || break
	[[ -n $pattern && $script != "$pattern" ]] || count "$here/$script.sh"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
