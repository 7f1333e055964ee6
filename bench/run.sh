#!/bin/bash
#
# Runs the benchmarks (bench/NAME.py or NAME.sh), each in a database of its own
# of a private server, and writes a table of each to bench/results/NAME.md: those
# that are named, or all that measure speed. Those of accuracy are run by
# "make bench-report".
#
#   BENCH_SCALE=0.01   a quick run on a hundredth of the rows; its table goes
#                      to the terminal only
#   BENCH_TERMINAL=1   any run to the terminal only; without, a tree with
#                      changes is refused, and so are fewer than three rounds
#   BENCH_ROUNDS=5     how often each timing is repeated
#   BENCH_TIMES=20     the largest table of iforest, in millions of rows
#   BENCH_ONLY=fit     only the sections whose name contains this; to the
#                      terminal only
#
#   BENCH_SETS=DIR     labeled sets, for accuracy and labels; without, what was measured
#                      before stays
#
# Figures that the documentation has go to bench/results/*.tsv, too, and from
# there to where they are read (bench/figures.py).
#
# bench/report.py measures every detector over the sets of test/data; its pictures
# go to docs/img.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../test/lib.sh"
. "$ad_root/bench/lib.sh"

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
	# first those whose figures documents have
	names=(single auto export series series_arrays concurrency iforest groups scale
		market jobs sweep detectors)
	for file in "$ad_root"/bench/*.py; do
		name=$(basename "$file" .py)
		case " ${names[*]} " in *" $name "*) continue ;; esac
		case $name in
			lib | *figures | measures | regress) ;;
			accuracy | labels | series_labeled | market_judged | report) ;;
			*) names+=("$name") ;;
		esac
	done
	names+=(trigger layering_job)
fi
bench_begin

ad_make_work
ad_say "Building and starting a private server ..."
ad_build
ad_install
settings=("wal_level = minimal" "max_wal_senders = 0" "max_wal_size = '8GB'"
	"synchronous_commit = off" "full_page_writes = off" "autovacuum = off"
	"checkpoint_timeout = '1h'")
# Planner and memory settings stay at their defaults, but for a cache that
# holds the table measured; the rest makes loading quick.
ad_start_server "shared_buffers = '512MB'" "${settings[@]}"
ad_psql -q -c 'CREATE EXTENSION anomaly'
server_database=$PGDATABASE

export BENCH_PSQL=$ad_bindir/psql BENCH_PGBENCH=$ad_bindir/pgbench
export BENCH_CLIENTS=$ad_work/clients
"${CC:-cc}" -O2 -o "$BENCH_CLIENTS" "$ad_root/bench/clients.c" \
	-I"$("$PG_CONFIG" --includedir)" -L"$("$PG_CONFIG" --libdir)" -lpq -lpthread
# One thread means one thread.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
export PYTHONDONTWRITEBYTECODE=1
# Pictures are drawn here first; matplotlib keeps a list of fonts, too.
export BENCH_PICTURES=$ad_work/pictures MPLCONFIGDIR=$ad_work/matplotlib
mkdir "$BENCH_PICTURES"

# One that fails must not keep the others from running.
failed=()
for name in "${names[@]}"; do
	ad_say "== $name"
	if [[ $name = accuracy || $name = labels ]] && [ -z "${BENCH_SETS:-}" ]; then
		ad_say "BENCH_SETS names no directory of labeled sets: what was measured before stays"
		continue
	fi
	# tables of one are none of the next one's business
	PGDATABASE=$server_database ad_psql -q -c "CREATE DATABASE bench_$name"
	export PGDATABASE=bench_$name
	ad_psql -q -c 'CREATE EXTENSION anomaly'
	if [ "$name" = concurrency ]; then
		bench_start_preloaded "shared_buffers = '512MB'" "${settings[@]}"
		PGHOST=$BENCH_PRELOADED ad_psql -q -c "CREATE DATABASE bench_$name"
		export PGDATABASE=bench_$name
		PGHOST=$BENCH_PRELOADED ad_psql -q -c 'CREATE EXTENSION anomaly'
	fi
	bench_watch
	set +e
	if [ -f "$ad_root/bench/$name.py" ]; then
		/usr/bin/python3 "$ad_root/bench/$name.py" >"$ad_work/$name.md"
	else
		(set -e; . "$ad_root/bench/$name.sh") >"$ad_work/$name.md"
	fi
	status=$?
	set -e
	export PGDATABASE=$server_database
	ad_psql -q -c "DROP DATABASE bench_$name WITH (FORCE)"
	cat "$ad_work/$name.md"
	if [ "$status" != 0 ]; then
		failed+=("$name")
		continue
	fi
	if ! bench_keeps || [ -n "${BENCH_ONLY:-}" ]; then
		continue
	fi
	bench_keep_page "$ad_work/$name.md" "$name.md"
	if [ "$name" = report ]; then
		cp "$BENCH_PICTURES"/*.svg "$ad_root/docs/img/"
	fi
	# whoever interrupts the next one finds documents of what has been measured
	/usr/bin/python3 "$ad_root/bench/figures.py"
done
[ ${#failed[@]} = 0 ] || ad_die "failed: ${failed[*]}"
