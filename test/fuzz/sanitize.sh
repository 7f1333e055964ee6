#!/bin/bash
#
# Runs TAP tests with the extension built for AddressSanitizer and
# UndefinedBehaviorSanitizer: test/fuzz/sanitize.sh [TEST ...]
#
# Installs that build into the PostgreSQL of PG_CONFIG (so use a private one)
# and removes it at the end: run make install again afterwards. The server
# itself is not instrumented; guard.h makes up for its allocator. Leaks are
# not looked for here: memory contexts free what is left
# (test/t/004_memory.pl looks for those).

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(001_parallel 002_hostile_bytes 005_oracle 007_extremes)

ad_make_work
ad_build with_llvm=no COPT="-O1 -g -fno-omit-frame-pointer -include $ad_root/test/fuzz/guard.h \
-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"
ad_install with_llvm=no
trap 'make -C "$ad_work/src" PG_CONFIG="$PG_CONFIG" with_llvm=no uninstall >/dev/null; ad_cleanup' EXIT

pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
status=0
cd "$ad_work/src/test"
for name in "${tests[@]}"; do
	ad_as_user env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE \
		PATH="$ad_bindir:$PATH" PG_CONFIG="$PG_CONFIG" PGPORT=65431 \
		PG_TEST_PORT_DIR="$ad_work" TESTDIR="$ad_work/src/test" \
		TESTDATADIR="$ad_work/src/test/tmp_check" \
		TESTLOGDIR="$ad_work/src/test/tmp_check/log" \
		top_builddir="$pgxs" PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		ANOMALY_TEST_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1:log_path="$ad_work/asan" \
		UBSAN_OPTIONS=print_stacktrace=1:log_path="$ad_work/ubsan" \
		prove --verbose --merge -I "$pgxs/src/test/perl" -I t "t/$name.pl" || status=1
done
cat "$ad_work"/asan.* "$ad_work"/ubsan.* 2>/dev/null && status=1
grep -h 'runtime error' "$ad_work"/src/test/tmp_check/log/*.log && status=1
exit "$status"
