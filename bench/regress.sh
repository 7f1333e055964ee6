#!/bin/bash
#
# Compares the core figures of two commits, so that a change which makes
# something slower is noticed before it is merged. Writes nothing but to the
# terminal.
#
#	bench/regress.sh main              main, and the checkout as it is
#	bench/regress.sh v0.2.0 main
#	BENCH_ONLY=score bench/regress.sh main HEAD      (figures so named)
#	BENCH_ROUNDS=21 BENCH_SCALE=0.1 bench/regress.sh main
#
# Both are built in private copies and run on private servers, in turn, A B then
# B A; figures are processor time of a backend, so that other work on the
# machine changes little, and ratios are of paired runs. "sums" are of the
# server alone: how far they are from 1 is how far the others can be trusted.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../test/lib.sh"
. "$ad_root/bench/lib.sh"

[ $# = 1 ] || [ $# = 2 ] || ad_die "usage: bench/regress.sh A [B]"
export BENCH_TERMINAL=1 BENCH_ROUNDS=${BENCH_ROUNDS:-7}
bench_begin
ad_find_pg || ad_die "no PostgreSQL with server headers found (test/setup.sh)"
original=$PG_CONFIG
ad_make_work
main=$ad_work

# Builds a commit, or the checkout, and starts its server.
start_side() {
	local side=$1 commit=${2:-}

	ad_work=$main/$side
	ad_as_user mkdir "$ad_work"
	PG_CONFIG=$original
	ad_copy_pg
	if [ -n "$commit" ]; then
		mkdir "$ad_work/tree"
		git -C "$ad_root" archive "$commit" | tar -xf - -C "$ad_work/tree"
		ad_root=$ad_work/tree ad_build with_llvm=no
	else
		ad_build with_llvm=no
	fi
	ad_install with_llvm=no
	ad_start_server "shared_buffers = '256MB'" "autovacuum = off" "jit = off" \
		"max_parallel_workers_per_gather = 0" "synchronous_commit = off"
	ad_psql -q -c 'CREATE EXTENSION anomaly'
}

for side in a b; do
	commit=$1
	[ $side = a ] || commit=${2:-}
	ad_say "Building ${commit:-the checkout} ..."
	[ -z "$commit" ] || git -C "$ad_root" rev-parse -q --verify "$commit^{commit}" >/dev/null ||
		ad_die "no such commit: $commit"
	start_side $side "$commit"
	export "BENCH_HOST_${side^^}=$PGHOST" "BENCH_NAME_${side^^}=${commit:-checkout}"
done
ad_work=$main
export BENCH_PSQL=$ad_bindir/psql PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 "$ad_root/bench/regress.py"
