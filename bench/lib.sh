# What the benchmarks in bash share, beside test/lib.sh (sourced, after it).
#
# A bench keeps its figures in bench/results unless it is a trial:
# BENCH_SCALE, or BENCH_TERMINAL=1. What is kept was measured of a commit, in
# three rounds at least.

BENCH_SCALE=${BENCH_SCALE:-1}
BENCH_ROUNDS=${BENCH_ROUNDS:-5}
# What bench/figures.py writes does not make a tree dirty: one bench runs after
# another.
bench_written=(':!bench/results' ':!docs' ':!README.md'
	':!sql/install/49-detectors-recommend.sql')

# Sets BENCH_COMMIT, and refuses to keep figures of what nobody can measure
# again.
bench_begin() {
	local changed

	BENCH_COMMIT=$(git -C "$ad_root" describe --always 2>/dev/null || echo unknown)
	changed=$(git -C "$ad_root" status --porcelain -- . "${bench_written[@]}" 2>/dev/null || true)
	if [ -n "$changed" ]; then
		BENCH_COMMIT+=-dirty
	fi
	export BENCH_COMMIT BENCH_SCALE BENCH_ROUNDS
	if [ "$BENCH_SCALE" != 1 ]; then
		export BENCH_TERMINAL=1
	elif [ "$BENCH_COMMIT" = unknown ] && [ -z "${BENCH_TERMINAL:-}" ]; then
		ad_say "This is no checkout of git: figures are shown only."
		export BENCH_TERMINAL=1
	elif [ -z "${BENCH_TERMINAL:-}" ]; then
		[ -z "$changed" ] || ad_die "figures of a dirty tree are not kept: commit first, or \
BENCH_TERMINAL=1 shows them only
$changed"
		[ "$BENCH_ROUNDS" -ge 3 ] || ad_die "figures of fewer than three rounds are not kept: \
BENCH_TERMINAL=1 shows them only"
	fi
}

# Starts a second server, of the same PostgreSQL, which preloads the library;
# arguments as ad_start_server has them. Leaves its host in BENCH_PRELOADED.
bench_start_preloaded() {
	local host=$PGHOST work=$ad_work

	ad_as_user mkdir "$work/preloaded"
	ad_work=$work/preloaded
	ad_start_server "$@" "shared_preload_libraries = 'anomaly'"
	export BENCH_PRELOADED=$PGHOST PGHOST=$host
	ad_work=$work
}

# True if what is measured is to be kept.
bench_keeps() { [ -z "${BENCH_TERMINAL:-}" ]; }

# Copies a page that a bench has made to bench/results.
bench_keep_page() {
	if bench_keeps; then
		mkdir -p "$ad_root/bench/results"
		cp "$1" "$ad_root/bench/results/$2"
	fi
}

# Begins to watch how much other work the machine has: what is measured is
# compared with it at the end.
bench_watch() {
	export BENCH_PID=$$
	unset BENCH_BEGAN
	BENCH_BEGAN=$(BENCH_PSQL=$ad_bindir/psql /usr/bin/python3 -B "$ad_root/bench/lib.py" --began)
	export BENCH_BEGAN
}

# How a server's figures were measured, in a line; or, with the bench's name and
# a file of keys and figures, keeps these as measured so. Comes last, for it
# tells what else the machine did since bench_watch().
bench_about() {
	BENCH_PSQL=$ad_bindir/psql BENCH_SERVER="PostgreSQL $(ad_psql -qAt -c 'SHOW server_version')" \
		/usr/bin/python3 -B "$ad_root/bench/lib.py" "$@"
}
