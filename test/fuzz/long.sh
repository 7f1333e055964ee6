#!/bin/bash
#
# Calls every SQL function with odd arguments and damaged values for MINUTES:
# test/fuzz/long.sh [--sanitize] SEED MINUTES [BATCH]
#
# Runs on the server of PG_CONFIG, with --sanitize on a build as that of
# test/fuzz/sanitize.sh. What is called and what counts as a fault stands in
# test/fuzz/long.pl. The same seed makes the same statements; BATCH runs that
# batch alone and shows them. Ends with how many of each kind it tried, and
# with "0 faults, 0 crashes" or a statement of each.
#
# On the server with assertions:
#	PG_CONFIG=$(ANOMALY_ONLY=build test/assert.sh) test/fuzz/long.sh 1 20

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/build.sh"

sanitize=
if [ "${1:-}" = --sanitize ]; then
	sanitize=yes
	shift
fi
[ $# -ge 2 ] || ad_die "usage: test/fuzz/long.sh [--sanitize] SEED MINUTES [BATCH]"

ad_make_work
echo "== building for $("$PG_CONFIG" --version)${sanitize:+ with sanitizers}"
if [ -n "$sanitize" ]; then
	ad_build_sanitized
else
	ad_build
	ad_install
fi
status=0
ad_perl fuzz/long.pl "$@" || status=$?
if [ "$status" -gt 1 ]; then
	grep -A 3 "ERROR\|at .* line " "$ad_work"/src/test/tmp_check/log/regress_log_*
fi
if [ -n "$sanitize" ]; then
	ad_reports && status=1
fi
exit "$status"
