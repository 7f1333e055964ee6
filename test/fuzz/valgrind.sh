#!/bin/bash
#
# Runs the statements of test/fuzz/valgrind.sql under valgrind's memcheck:
# test/fuzz/valgrind.sh
#
# Reads of memory that was never written are what the other builds do not see.
# The server should be that of test/assert.sh, which tells valgrind what memory
# contexts do:
#	PG_CONFIG=$(ANOMALY_ONLY=build test/assert.sh) test/fuzz/valgrind.sh
#
# One process in single-user mode runs all statements; vectors are left to
# other builds (anomaly.simd = off), since valgrind does not know all
# instructions. Needs valgrind (Debian's package of that name). Ends with "N passed, N failed": a statement counts as one, and
# an error that valgrind reports as a failure.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

command -v valgrind >/dev/null || ad_die "valgrind is missing (Debian's package valgrind)"
ad_make_work
echo "== building for $("$PG_CONFIG" --version)"
ad_build with_llvm=no COPT="-O1 -g"
ad_install with_llvm=no

ad_as_user "$ad_bindir/initdb" -D "$ad_work/data" -U postgres -A trust \
	-E UTF8 --locale=C --no-sync >"$ad_work/initdb.log" 2>&1 ||
	{ cat "$ad_work/initdb.log" >&2; ad_die "initdb failed"; }

# Single-user mode with -j: a statement ends with a semicolon and an empty line.
sed '/^--/d' "$ad_root/test/fuzz/valgrind.sql" >"$ad_work/statements"
wanted=$(awk -v RS= 'END { print NR }' "$ad_work/statements")
log=$ad_work/valgrind.log
echo "== $wanted statements under valgrind"
status=0
ad_as_user valgrind --quiet --leak-check=no --error-limit=no --num-callers=30 \
	--undef-value-errors=yes --track-origins=yes --gen-suppressions=all \
	--suppressions="$ad_root/test/fuzz/valgrind.supp" --log-file="$log" \
	"$ad_bindir/postgres" --single -j -D "$ad_work/data" -c fsync=off \
	-c anomaly.simd=off -c log_statement=all -c log_min_messages=notice postgres \
	<"$ad_work/statements" >"$ad_work/out" 2>&1 || status=$?

ran=$(grep -c 'LOG:  statement: ' "$ad_work/out" || true)
refused=$(grep -cE '(ERROR|FATAL|PANIC):  ' "$ad_work/out" || true)
grep -E -A 3 '(ERROR|FATAL|PANIC):  ' "$ad_work/out" || true
reports=$(grep -cE '^==[0-9]+== [A-Z].*(uninitialised|Invalid|overlap|fishy|Process terminating)' "$log" || true)
cat "$log"
failed=$((wanted - ran + refused + reports))
[ "$status" = 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$((ran - refused)) passed, $failed failed"
[ "$failed" = 0 ]
