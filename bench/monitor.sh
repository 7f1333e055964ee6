#!/bin/bash
#
# What watching costs: scoring 1,000,000 rows that are counted, against the same
# with anomaly.stat_models off, which is what a server does that has not
# preloaded the library; and fitting on a server that has, against one that has
# not. Writes bench/results/monitor.md.
#
#	bench/monitor.sh           21 rounds
#	BENCH_ROUNDS=5 bench/monitor.sh
#
# The two take turns, the first of a round being the second of the next, and
# what is compared is processor time of the backend within a round, so that a
# busy machine disturbs little. Scores are compared within one session: where
# tables and models lie in memory makes more difference than counting.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../test/lib.sh"
. "$ad_root/bench/lib.sh"
rounds=${BENCH_ROUNDS:-21}
BENCH_ROUNDS=$rounds
bench_begin

ad_make_work
ad_say "Building and starting two private servers ..."
ad_build
ad_install
settings=("shared_buffers = '256MB'" "autovacuum = off" "jit = off"
	"max_parallel_workers_per_gather = 0")
ad_start_server "${settings[@]}"
plain=$PGHOST
bench_start_preloaded "${settings[@]}"
preloaded=$BENCH_PRELOADED

statements=(
	"SELECT count(ad_score((SELECT m FROM models WHERE name = 'zscore'), x)) FROM rows"
	"SELECT count(ad_score('zscore', x)) FROM rows"
	"SELECT count(ad_score((SELECT m FROM models WHERE name = 'zscore, 10 columns'), x, a, b, c, d, e, f, g, h, i)) FROM rows"
	"SELECT count(ad_score((SELECT m FROM models WHERE name = 'iforest'), x, a, b, c, d, e, f, g, h, i)) FROM rows"
	"SELECT length(ad_fit(ad_zscore(), x, a, b, c, d, e, f, g, h, i)) FROM rows"
)
for host in "$plain" "$preloaded"; do
	PGHOST=$host ad_psql -q <<-'SQL'
		CREATE EXTENSION anomaly;
		SELECT setseed(0.5) \g /dev/null
		CREATE TABLE rows AS SELECT random() AS x, random() AS a, random() AS b, random() AS c, random() AS d,
			random() AS e, random() AS f, random() AS g, random() AS h, random() AS i FROM generate_series(1, 1000000);
		CREATE TABLE models AS SELECT 'zscore' AS name, ad_fit(ad_zscore(), x) AS m FROM rows
			UNION ALL SELECT 'zscore, 10 columns', ad_fit(ad_zscore(), x, a, b, c, d, e, f, g, h, i) FROM rows
			UNION ALL SELECT 'iforest', ad_fit(ad_iforest(), x, a, b, c, d, e, f, g, h, i) FROM rows;
		SELECT ad_train('zscore', 'SELECT x FROM rows', 'zscore') \g /dev/null
		VACUUM ANALYZE;
	SQL
done

bench_watch

# Milliseconds of processor time that statements take, in a session of a
# server; arguments: the server, then pairs of a setting and a statement.
measure() {
	local host=$1
	shift
	{
		while [ $# -gt 0 ]; do
			cat <<-SQL
				$1 \g /dev/null
				SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint AS before \gset
				$2 \g /dev/null
				SELECT (split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint - :before) / 1e6;
			SQL
			shift 2
		done
	} | PGHOST=$host ad_psql -qAt
}

off='SET anomaly.stat_models = off'
on='SET anomaly.stat_models = on'
for n in "${!statements[@]}"; do
	statement=${statements[n]}
	if [[ $statement == *ad_score* ]]; then
		rounds_of=("SELECT 1" "$statement")
		for ((round = 1; round <= rounds; round++)); do
			if ((round % 2)); then
				rounds_of+=("$off" "$statement" "$on" "$statement")
			else
				rounds_of+=("$on" "$statement" "$off" "$statement")
			fi
		done
		# the first one warms up; then pairs, every second one turned round
		measure "$preloaded" "${rounds_of[@]}" | sed 1d | paste -d' ' - - |
			awk -v n="$n" 'NR % 2 { print n, $1, $2; next } { print n, $2, $1 }'
		continue
	fi
	for host in "$plain" "$preloaded"; do
		measure "$host" "SELECT 1" "$statement" >/dev/null
	done
	for ((round = 1; round <= rounds; round++)); do
		if ((round % 2)); then
			a=$(measure "$plain" "SELECT 1" "$statement")
			b=$(measure "$preloaded" "SELECT 1" "$statement")
		else
			b=$(measure "$preloaded" "SELECT 1" "$statement")
			a=$(measure "$plain" "SELECT 1" "$statement")
		fi
		echo "$n $a $b"
	done
done >"$ad_work/times"

{
	echo "# What watching costs"
	echo
	echo "Measured by bench/monitor.sh on $(bench_about)"
	echo
	echo "1,000,000 rows, one process, processor time; $rounds rounds in which both take a turn. Scores: counted or not, in one session;"
	echo "fits: a server that has preloaded the library, or one that has not."
	echo
	echo "| statement | unwatched, ms | watched, ms | ratio: median | quartiles |"
	echo "|---|---|---|---|---|"
	printf '%s\n' "${statements[@]}" >"$ad_work/statements"
	/usr/bin/python3 - "$ad_work/times" "$ad_work/statements" <<-'PYTHON'
		import statistics, sys
		for n, statement in enumerate(open(sys.argv[2]).read().splitlines()):
		    rows = [tuple(map(float, line.split()[1:])) for line in open(sys.argv[1]) if line.split()[0] == str(n)]
		    ratio = [b / a for a, b in rows]
		    low, middle, high = statistics.quantiles(ratio, n=4, method="inclusive")
		    print(f"| `{statement}` | {statistics.median(a for a, b in rows):.0f} "
		          f"| {statistics.median(b for a, b in rows):.0f} | {middle:.4f} | {low:.4f} to {high:.4f} |")
	PYTHON
} >"$ad_work/monitor.md"
cat "$ad_work/monitor.md"
bench_keep_page "$ad_work/monitor.md" monitor.md
