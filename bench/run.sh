#!/bin/bash
#
# Runs the benchmarks (bench/NAME.py, all or those named) against a private
# server and writes a table of each to bench/results/NAME.md.
#
#   BENCH_SCALE=0.01   a quick run on a hundredth of the rows; its table goes
#                      to the terminal only
#   BENCH_ROUNDS=5     how often each timing is repeated
#   BENCH_TIMES=20     the largest table of iforest, in millions of rows
#   BENCH_ONLY=fit     only the sections whose name contains this; to the
#                      terminal only
#
#   BENCH_SETS=DIR     labelled sets, for accuracy and labels; without, what was measured
#                      before stays
#
# Figures that the documentation has go to bench/results/*.tsv, too, and from
# there to where they are read (bench/figures.py).
#
# bench/report.py, which runs only if it is named, is the report on accuracy:
# it goes to docs/benchmark.md, and its pictures to docs/img.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../test/lib.sh"

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
	for file in "$ad_root"/bench/*.py; do
		name=$(basename "$file" .py)
		case $name in lib | *figures | measures | report) ;; *) names+=("$name") ;; esac
	done
	# It writes its own table, always of the full size.
	[ "${BENCH_SCALE:-1}" != 1 ] || names+=(market)
fi

ad_make_work
ad_say "Building and starting a private server ..."
ad_build
ad_install
# Planner and memory settings stay at their defaults, but for a cache that
# holds the table measured; the rest makes loading quick.
ad_start_server "shared_buffers = '512MB'" "wal_level = minimal" \
	"max_wal_senders = 0" "max_wal_size = '8GB'" "synchronous_commit = off" \
	"full_page_writes = off" "autovacuum = off" "checkpoint_timeout = '1h'"
ad_psql -q -c 'CREATE EXTENSION anomaly'
server_database=$PGDATABASE

export BENCH_PSQL=$ad_bindir/psql BENCH_PGBENCH=$ad_bindir/pgbench
BENCH_COMMIT=$(git -C "$ad_root" describe --always --dirty 2>/dev/null || echo unknown)
export BENCH_COMMIT BENCH_SCALE=${BENCH_SCALE:-1} BENCH_ROUNDS=${BENCH_ROUNDS:-5}
# One thread means one thread.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
export PYTHONDONTWRITEBYTECODE=1
# Pictures are drawn here first; matplotlib keeps a list of fonts, too.
export BENCH_PICTURES=$ad_work/pictures MPLCONFIGDIR=$ad_work/matplotlib
mkdir "$BENCH_PICTURES"

for name in "${names[@]}"; do
	ad_say "== $name"
	if [[ $name = accuracy || $name = labels ]] && [ -z "${BENCH_SETS:-}" ]; then
		ad_say "BENCH_SETS names no directory of labelled sets: left out"
		continue
	fi
	if [ "$name" = market ]; then
		RUNS=$BENCH_ROUNDS "$ad_root/bench/market.sh"
		continue
	fi
	# tables of one are none of the next one's business
	PGDATABASE=$server_database ad_psql -q -c "CREATE DATABASE bench_$name"
	export PGDATABASE=bench_$name
	ad_psql -q -c 'CREATE EXTENSION anomaly'
	/usr/bin/python3 "$ad_root/bench/$name.py" >"$ad_work/$name.md"
	export PGDATABASE=$server_database
	ad_psql -q -c "DROP DATABASE bench_$name"
	cat "$ad_work/$name.md"
	if [ "$BENCH_SCALE" != 1 ] || [ -n "${BENCH_ONLY:-}" ]; then
		continue
	elif [ "$name" = report ]; then
		cp "$ad_work/report.md" "$ad_root/docs/benchmark.md"
		cp "$BENCH_PICTURES"/*.svg "$ad_root/docs/img/"
	else
		mkdir -p "$ad_root/bench/results"
		cp "$ad_work/$name.md" "$ad_root/bench/results/$name.md"
	fi
done
if [ "$BENCH_SCALE" = 1 ] && [ -z "${BENCH_ONLY:-}" ]; then
	/usr/bin/python3 "$ad_root/bench/figures.py"
fi
