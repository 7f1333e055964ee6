#!/bin/bash
#
# Runs every test: builds with warnings as errors, installs into a private
# PostgreSQL, starts a server of it, runs the regression tests (sql/ against
# expected/) and the TAP tests (test/t). Ends with "N passed, N failed": a
# regression test counts as one, and so does each assertion of a TAP test.
#
# An argument that matches a file's name runs only those: test/run.sh cancel
#
#   ANOMALY_BESIDE=NAME  the regression tests only, in a database with that
#                        extension as well
#   ANOMALY_JOBS=N       tests at a time, instead of one more than processors
#   ANOMALY_CONF=LINES   for postgresql.conf of the regression tests' server
#   ANOMALY_VACUUM=yes   the regression tests only, on a server that vacuums all
#                        the time: no result may depend on where rows are stored

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

only=${1:-}
always_vacuum='autovacuum_naptime = 1
autovacuum_vacuum_threshold = 0
autovacuum_vacuum_scale_factor = 0
autovacuum_analyze_threshold = 0
autovacuum_analyze_scale_factor = 0'
passed=0
failed=0
failures='' # what failed, for the end of a long log

# Not even building counts as one failure, and the last line is still the count.
ad_die() {
	ad_say "$0: $*"
	echo "$passed passed, $((failed + 1)) failed"
	exit 1
}

finish() {
	printf '%s' "$failures"
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# The regression tests, one after the other on the server of this script. Their
# results are in tap/regression/log then, and their number in its status.
run_regress() {
	local tests=() file dir=$ad_work/tap/regression

	ad_as_user mkdir -p "$dir"
	for file in "$ad_work"/src/sql/*_*.sql; do
		[ -f "$file" ] || continue
		file=$(basename "$file" .sql)
		case $file in anomaly--*) continue ;; esac
		[[ -z $only || $file == *$only* ]] && tests+=("$file")
	done
	if [ ${#tests[@]} -gt 0 ]; then
		ad_as_user make -C "$ad_work/src" PG_CONFIG="$PG_CONFIG" installcheck \
			REGRESS="${tests[*]}" \
			EXTRA_REGRESS_OPTS="${ANOMALY_BESIDE:+--load-extension=$ANOMALY_BESIDE}" \
			>"$dir/log" 2>&1 || true
	fi
	echo ${#tests[@]} >"$dir/status"
}

# Results of pg_regress: "test name ... ok" until PostgreSQL 15, "ok 1 - name"
# since 16. A test without a result did not run, so it failed.
report_regress() {
	local log=$ad_work/tap/regression/log wanted ok

	read -r wanted _ <"$ad_work/tap/regression/status"
	[ "$wanted" -gt 0 ] || return 0

	ok=$(grep -cE '^(test )? *[a-z0-9_]+ +\.\.\. ok|^ok [0-9]+ ' "$log" || true)
	grep -E '^(test )? *[a-z0-9_]+ +\.\.\. |^(not )?ok [0-9]+ ' "$log" || true
	passed=$((passed + ok))
	failed=$((failed + wanted - ok))
	if [ "$ok" -lt "$wanted" ]; then
		failures+=$(grep -E '\.\.\. FAILED|^not ok ' "$log" || tail -n 5 "$log")$'\n'
		if [ -s "$ad_work/src/regression.diffs" ]; then
			cat "$ad_work/src/regression.diffs"
		else
			tail -n 30 "$log"
		fi
		grep -E 'PANIC|FATAL|terminated by signal|TRAP' "$ad_work/server.log" |
			tail -n 20 || true
	fi
}

# What PGXS's prove_installcheck does, one file at a time so that the
# assertions of each can be counted. Servers made by the tests live in the
# temporary directory and stop with them. Leaves the output in tap/NAME/log, and
# prove's status and the seconds it took in tap/NAME/status.
run_tap_file() {
	local name=$1 dir=$ad_work/tap/$1 pgxs status=0 started=$SECONDS

	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
	ad_as_user mkdir -p "$dir/tmp_check"
	(
		cd "$ad_work/src/test"
		ad_as_user env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE \
			PATH="$ad_bindir:$PATH" PGPORT=65432 \
			PG_TEST_PORT_DIR="$ad_work" TESTDIR="$dir" \
			TESTDATADIR="$dir/tmp_check" TESTLOGDIR="$dir/tmp_check/log" \
			top_builddir="$pgxs" \
			PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
			prove --verbose --merge -I "$pgxs/src/test/perl" -I t "t/$name"
	) >"$dir/log" 2>&1 || status=$?
	echo "$status $((SECONDS - started))" >"$dir/status"
}

# A few lines of a TAP test's output: its failed assertions, or how it died.
what_failed() {
	{
		grep -A 6 -E '^not ok [0-9]+' "$1" | grep -v '^ok ' || tail -n 8 "$1"
	} | cut -c 1-160 | head -n 15
}

# Counts what a TAP test printed, and shows what went wrong.
report_tap_file() {
	local name=$1 dir=$ad_work/tap/$1 ok not_ok status seconds

	read -r status seconds <"$dir/status"
	ok=$(grep -cE '^ok [0-9]+' "$dir/log" || true)
	not_ok=$(grep -E '^not ok [0-9]+' "$dir/log" | grep -cv '# TODO' || true)
	# It died, or did not plan what it ran: that is a failure too.
	if [ "$status" -ne 0 ] && [ "$not_ok" -eq 0 ]; then
		not_ok=1
	fi
	passed=$((passed + ok))
	failed=$((failed + not_ok))
	printf '%-36s %4d s %5d ok%s\n' "$name" "$seconds" "$ok" \
		"$([ "$not_ok" -eq 0 ] || echo ", $not_ok FAILED")"
	if [ "$not_ok" -gt 0 ]; then
		failures+="FAILED $name"$'\n'$(what_failed "$dir/log")$'\n'
		grep -vE '^ok [0-9]+' "$dir/log" | tail -n 60
		grep -hE 'PANIC|terminated by signal|TRAP' "$dir"/tmp_check/log/*.log 2>/dev/null |
			tail -n 20 || true
	else
		grep -iE '^# .*seed' "$dir/log" || true
		grep -oiE '# skip .*' "$dir/log" | sort -u || true
	fi
	rm -rf "$dir/tmp_check"
}

# One more at a time than there are processors, for some wait (for a minute of
# pg_cron, for a server that crashed), four at most; each has servers and
# directories of its own. The long ones first, so that none is left alone at the
# end. Results are shown as tests end.
run_tests() {
	local file name jobs alive running=() left=() tests=(regression)
	local long=' security.pl series_cancel.pl jobs_delivery.pl jobs_cron.pl monitor_watch.pl '

	for file in "$ad_work"/src/test/t/*.pl; do
		[[ -f $file && -z ${ANOMALY_BESIDE:-}${ANOMALY_VACUUM:-} ]] || continue
		name=$(basename "$file")
		[[ -z $only || $name == *$only* ]] || continue
		case $long in
			*" $name "*) tests=("$name" "${tests[@]}") ;;
			*) tests+=("$name") ;;
		esac
	done

	jobs=${ANOMALY_JOBS:-$(($(nproc) + 1))}
	while [ ${#tests[@]} -gt 0 ] || [ ${#running[@]} -gt 0 ]; do
		while [ ${#tests[@]} -gt 0 ] && [ ${#running[@]} -lt $((jobs < 4 ? jobs : 4)) ]; do
			case ${tests[0]} in
				regression) run_regress & ;;
				*) run_tap_file "${tests[0]}" & ;;
			esac
			running+=("${tests[0]}")
			tests=("${tests[@]:1}")
		done
		wait -n || true
		alive=$(jobs -r)
		left=()
		for name in "${running[@]}"; do
			# none is left that could still write it
			[ -n "$alive" ] || [ -f "$ad_work/tap/$name/status" ] ||
				echo '1 0' >"$ad_work/tap/$name/status"
			if [ ! -f "$ad_work/tap/$name/status" ]; then
				left+=("$name")
			elif [ "$name" = regression ]; then
				report_regress
			else
				report_tap_file "$name"
			fi
		done
		running=(${left[@]+"${left[@]}"})
	done
}

ad_make_work
ad_mount_small_disk
echo "== building for $("$PG_CONFIG" --version)"
ad_build COPT=-Werror
ad_install
# not postgres, as on a server of the user's own: no expected output may name it
ad_superuser=tester
ad_start_server "${ANOMALY_CONF:-}" ${ANOMALY_VACUUM:+"$always_vacuum"}
run_tests
finish
