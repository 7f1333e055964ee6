#!/bin/bash
#
# Runs tests with the extension built for AddressSanitizer and
# UndefinedBehaviorSanitizer: test/fuzz/sanitize.sh [NAME ...]
#
# Names are those of regression files (sql/NAME.sql) and of TAP tests
# (test/t/NAME.pl); without any, all regression files and the TAP tests that
# hand over bytes and extremes. Ends with "N passed, N failed": a file counts
# as one.
#
# How it is built stands in test/fuzz/build.sh. On a server with assertions
# (test/assert.sh) the two find more together.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/build.sh"

files=()
tests=()
for name in "$@"; do
	if [ -f "$ad_root/sql/$name.sql" ]; then
		files+=("$name")
	elif [ -f "$ad_root/test/t/$name.pl" ]; then
		tests+=("$name")
	else
		ad_die "there is no sql/$name.sql and no test/t/$name.pl"
	fi
done
if [ $# = 0 ]; then
	for name in "$ad_root"/sql/*_*.sql; do
		name=$(basename "$name" .sql)
		case $name in anomaly--*) continue ;; esac
		files+=("$name")
	done
	tests=(model_parallel hostile_bytes iforest_oracle model_extremes)
fi

ad_make_work
echo "== building for $("$PG_CONFIG" --version) with sanitizers"
ad_build_sanitized
# a call takes several times as long here
export ANOMALY_TEST_MUTATIONS=${ANOMALY_TEST_MUTATIONS:-6000}

passed=0
failed=0
if [ ${#files[@]} -gt 0 ]; then
	log=$ad_work/regress.log
	ad_start_server
	echo "== regression tests"
	# One at a time, so that a crash of one is not the failure of the next.
	for name in "${files[@]}"; do
		rm -f "$ad_work/src/regression.diffs"
		until "$ad_bindir/pg_isready" -q; do sleep 0.2; done
		if ad_as_user make -C "$ad_work/src" PG_CONFIG="$PG_CONFIG" with_llvm=no \
			installcheck REGRESS="$name" >"$log" 2>&1
		then
			passed=$((passed + 1))
			printf '%-44s ok\n' "$name"
		else
			failed=$((failed + 1))
			printf '%-44s FAILED\n' "$name"
			cut -c1-500 "$ad_work/src/regression.diffs" 2>/dev/null || tail -n 30 "$log"
		fi
	done
	unset PGHOST PGPORT PGUSER PGDATABASE
fi
[ ${#tests[@]} = 0 ] || echo "== TAP tests"
for name in ${tests[@]+"${tests[@]}"}; do
	log=$ad_work/tap.log
	if AD_PERL='prove --verbose --merge' ad_perl "t/$name.pl" >"$log" 2>&1; then
		passed=$((passed + 1))
		printf '%-44s ok\n' "$name"
		grep -iE '^# .*seed' "$log" || true
	else
		failed=$((failed + 1))
		printf '%-44s FAILED\n' "$name"
		grep -vE '^ok [0-9]+' "$log" | tail -n 60
	fi
done
if ad_reports; then
	failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
