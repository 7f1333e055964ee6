#!/bin/bash
#
# Runs every test on every version of PostgreSQL that can be had, each on a
# fresh machine (chroot.sh). Ends with the sum, "N passed, N failed".
#
#   test/versions.sh [WHAT ...]      all of these, if none is named:
#
#   bullseye bookworm trixie forky   make test on that Debian: 13, 15, 17, 18
#   14 16 ...                        make test on a PostgreSQL built from source,
#                                    which is looked for in PG_SOURCE_DIR: a
#                                    checkout of PostgreSQL's repository (bare
#                                    or not), or a folder with postgresql-14*.tar.*
#   timescaledb                      the regression tests with TimescaleDB
#                                    loaded and created beside the extension,
#                                    on trixie
#
# What cannot be had is named, and counts neither as passed nor as failed.
#
# Needs root, Debian's debootstrap (installed if missing), the archive that
# this machine's apt uses, 4 GB of disk in TMPDIR (/var/tmp), and a quarter of
# an hour each. ANOMALY_CACHE=folder keeps what can be used again.
# ANOMALY_LOGS=folder (the current one, if not said) gets a log of each.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/chroot.sh"

wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(bullseye bookworm trixie forky 14 16 timescaledb)
logs=$(cd "${ANOMALY_LOGS:-.}" && pwd)
sources=${PG_SOURCE_DIR:+$(cd "$PG_SOURCE_DIR" && pwd)}
passed=0
failed=0
not_had=()

# Unpacks the source of a version into a directory. Returns false if there is
# none.
unpack_source() {
	local version=$1 directory=$2 file

	[ -n "$sources" ] || return
	mkdir -p "$directory"
	if git -c safe.directory='*' -C "$sources" rev-parse --git-dir >/dev/null 2>&1; then
		# the newest release of it, else its branch
		file=$(git -c safe.directory='*' -C "$sources" for-each-ref --format='%(refname)' \
			--sort=-version:refname "refs/tags/REL_${version}_[0-9]*" \
			"refs/*/REL_${version}_STABLE" "refs/remotes/*/REL_${version}_STABLE" | head -n 1)
		[ -n "$file" ] &&
			git -c safe.directory='*' -C "$sources" archive "$file" | tar -C "$directory" -xf -
	else
		file=$(ls "$sources/postgresql-$version"[.a-z]*.tar.* 2>/dev/null | sort -V | tail -n 1)
		[ -n "$file" ] && tar -C "$directory" --strip-components=1 -xf "$file"
	fi
}

# The commands of one machine. Everything it says goes to the log; its last
# count is taken.
run_one() {
	local name=$1 release command

	case $name in
		timescaledb)
			release=trixie
			command='test/setup.sh test && apt-get -qq -y --no-install-recommends install postgresql-17-timescaledb >/dev/null &&
				ANOMALY_BESIDE=timescaledb ANOMALY_CONF="shared_preload_libraries = timescaledb
					timescaledb.telemetry_level = off" test/run.sh' ;;
		[0-9]*)
			release=bookworm
			command='{ apt-get -qq update && apt-get -qq -y --no-install-recommends install gcc libc6-dev bison flex \
					libreadline-dev zlib1g-dev libssl-dev libxml2-dev libicu-dev pkg-config perl libipc-run-perl tzdata &&
				cd /usr/src/postgresql &&
				./configure --prefix=/opt/pg --enable-tap-tests --with-openssl --with-libxml --with-icu &&
				make -s -j$(nproc) && make -s install && make -s -C contrib install
				} >/tmp/build.log 2>&1 || { tail -n 30 /tmp/build.log; exit 1; }
				cd /usr/src/anomaly && make test PG_CONFIG=/opt/pg/bin/pg_config' ;;
		*)
			release=$name
			command='make test' ;;
	esac
	if ! ad_base "$release"; then
		not_had+=("$name")
		return
	fi
	ad_machine "$name" "$release"
	case $name in
		[0-9]*)
			if ! unpack_source "$name" "$ad_machines/$name/usr/src/postgresql"; then
				ad_say "PostgreSQL $name: no source (PG_SOURCE_DIR=${PG_SOURCE_DIR:-})"
				not_had+=("$name")
				ad_machine_end "$name" "$release"
				return
			fi ;;
	esac
	count "$name" "$command"
	ad_machine_end "$name" "$release"
}

count() {
	local name=$1 command=$2 log=$logs/versions-$1.log line version started=$SECONDS

	ad_run "$name" bash -c "$command" >"$log" 2>&1 || true
	line=$(grep -xE '[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1) || true
	version=$(sed -n 's/^== building for //p' "$log")
	if [ -z "$line" ]; then
		tail -n 30 "$log"
		line='0 passed, 1 failed'
	fi
	echo "$name, ${version:-no server}: $line ($((SECONDS - started)) s)"
	# what failed, and what was skipped
	grep -E '^not ok|FAILED|^# skip|^There is no package' "$log" | sed 's/^/    /' || true
	passed=$((passed + ${line%% *}))
	line=${line#*, }
	failed=$((failed + ${line%% *}))
}

ad_machines_begin
for name in "${wanted[@]}"; do
	run_one "$name"
done
[ ${#not_had[@]} -eq 0 ] || echo "not to be had here: ${not_had[*]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
