#!/bin/bash
#
# Runs TAP tests with the extension built for AddressSanitizer and
# UndefinedBehaviorSanitizer: test/fuzz/sanitize.sh [TEST ...]
#
# Installs that build into the PostgreSQL of PG_CONFIG (so use a private one)
# and removes it at the end: run make install again afterwards. The server
# is not instrumented and the sanitizer's library is not preloaded (Debian
# 12's server hangs at start if it is): the library comes with the extension,
# and guard.h does what an intercepted malloc and memcpy would do. Arrays on
# the stack are left to UndefinedBehaviorSanitizer, since nothing intercepts
# the server's longjmp either. Leaks are not looked for: memory contexts free
# what is left (test/t/004_memory.pl looks for those).

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(001_parallel 002_hostile_bytes 005_oracle 007_extremes)

ad_make_work
ad_build with_llvm=no COPT="-O1 -g -fno-omit-frame-pointer -include $ad_root/test/fuzz/guard.h \
-fsanitize=address,undefined,float-cast-overflow --param asan-stack=0 -fno-sanitize-recover=all"
ad_install with_llvm=no
restore() {
	status=$?
	make -C "$ad_work/src" PG_CONFIG="$PG_CONFIG" with_llvm=no uninstall >/dev/null
	(exit "$status")
	ad_cleanup
}
trap restore EXIT

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
		prove --verbose --merge -I "$pgxs/src/test/perl" -I t "t/$name.pl" || status=1
done
# Reports stand in the servers' logs.
grep -hE -A 30 'ERROR: AddressSanitizer|runtime error' \
	"$ad_work"/src/test/tmp_check/log/*.log && status=1
exit "$status"
