#!/bin/bash
#
# Runs every test on a server with assertions: test/assert.sh [PATTERN]
#
# Debian's source package of the server is built once, with --enable-cassert,
# into a cache folder, and test/run.sh then runs on it. Such a server
# overwrites memory that is freed and checks what it is handed, so it finds
# what a release only does by luck: reads of freed memory, writes past the end
# of an allocation, a node that the planner should not have been given. New
# memory holds noise instead of the zeros that a fresh page happens to have,
# and every query tree is copied, written as text and read back, so that a
# pointer shared between two trees is found as well.
#
# Nothing of the system changes: the package lists with sources go to a
# temporary directory, and no package is installed. What configure misses it
# says; the build needs the headers of readline, zlib, OpenSSL, libxml2 and
# ICU, and dpkg-dev for the source package.
#
#   ANOMALY_CACHE     the cache folder (/var/cache/anomaly for root, otherwise
#                     anomaly in $XDG_CACHE_HOME or ~/.cache); 700 MB
#   ANOMALY_PG_MAJOR  the server's major version (that of the server found)
#   ANOMALY_PG_SOURCE a directory with the server's source, instead of Debian's
#   ANOMALY_ONLY=build  stop when the server is there, and print its pg_config

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

only=${1:-}

if [ -n "${ANOMALY_CACHE:-}" ]; then
	cache=$ANOMALY_CACHE
elif [ "$(id -u)" = 0 ]; then
	cache=/var/cache/anomaly       # root's home is closed to who runs the server
else
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/anomaly
fi
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

major=${ANOMALY_PG_MAJOR:-}
if [ -z "$major" ]; then
	ad_find_pg || ad_die "no PostgreSQL found: say which in ANOMALY_PG_MAJOR"
	major=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
fi
server=$cache/postgresql-$major-assert
log=$cache/postgresql-$major-assert.log

# One build at a time; a half-built server is not taken for a whole one.
exec 9>"$cache/lock"
flock 9

ad_find_user
ad_work=$(mktemp -d /tmp/adXXXXXX)
trap 'rm -rf "$ad_work"' EXIT
if [ "$(id -u)" = 0 ]; then
	chown "$ad_user:" "$ad_work"
fi
cd "$ad_work"

# apt with sources: the system's own list, each entry with "deb-src" too, in
# directories of our own. An entry that has no sources is left out by apt
# with a warning, which is kept in the log.
apt_sources() {
	local file apt=$ad_work/apt

	mkdir -p "$apt/parts" "$apt/lists/partial"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$file" ] || continue
		sed -nE 's/^[[:space:]]*deb([[:space:]].*)/deb-src\1/p' "$file" \
			>"$apt/parts/$(basename "$file" .list).list"
	done
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		sed -E 's/^Types:.*/Types: deb-src/I' "$file" \
			>"$apt/parts/$(basename "$file")"
	done
	apt_options=(-o "Dir::Etc::SourceList=/dev/null"
		-o "Dir::Etc::SourceParts=$apt/parts"
		-o "Dir::State::Lists=$apt/lists"
		-o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
		-o "APT::Sandbox::User=root")
	apt-get -q "${apt_options[@]}" update >>"$log" 2>&1 || true
}

# Unpacks the newest source of a package that can be had into DIRECTORY (a
# version may be in the lists and gone from the archive) and prints where.
get_source() {
	local package=$1 directory=$2 version

	for version in $(apt-cache "${apt_options[@]}" showsrc "$package" \
		2>>"$log" | sed -n 's/^Version: //p' | sort -Vru)
	do
		rm -rf "$directory"
		mkdir -p "$directory"
		(cd "$directory" && apt-get -q "${apt_options[@]}" source \
			"$package=$version") >>"$log" 2>&1 || continue
		find "$directory" -mindepth 1 -maxdepth 1 -type d
		return
	done
	return 1
}

build_server() {
	local source valgrind= prefix=$server.new

	: >"$log"
	command -v dpkg-source >/dev/null ||
		[ -n "${ANOMALY_PG_SOURCE:-}" ] ||
		ad_die "dpkg-source is missing (Debian's package dpkg-dev)"
	rm -rf "$prefix"
	mkdir "$prefix" "$ad_work/build"
	if [ -n "${ANOMALY_PG_SOURCE:-}" ]; then
		source=$ANOMALY_PG_SOURCE
	else
		ad_say "Fetching the source of postgresql-$major ..."
		apt_sources
		source=$(get_source "postgresql-$major" "$ad_work/source") ||
			ad_die "no source package of postgresql-$major could be had, see $log"
	fi
	if [ "$(id -u)" = 0 ]; then
		chown -R "$ad_user:" "$ad_work" "$prefix"
	fi
	# tells valgrind what memory contexts do (test/fuzz/valgrind.sh)
	[ ! -f /usr/include/valgrind/memcheck.h ] || valgrind=-DUSE_VALGRIND
	ad_say "Building it with assertions (some minutes, once; log: $log) ..."
	(
		cd "$ad_work/build"
		ad_as_user "$source/configure" --prefix="$prefix" \
			--enable-cassert --enable-debug --enable-tap-tests \
			--with-openssl --with-libxml --with-icu \
			--with-system-tzdata=/usr/share/zoneinfo \
			CFLAGS="-O1 -fno-omit-frame-pointer" \
			CPPFLAGS="-DRANDOMIZE_ALLOCATED_MEMORY -DCOPY_PARSE_PLAN_TREES -DWRITE_READ_PARSE_PLAN_TREES $valgrind" &&
		ad_as_user make -j"$(nproc)" &&
		ad_as_user make -j"$(nproc)" -C contrib &&
		ad_as_user make install &&
		ad_as_user make -C contrib install
	) >>"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; ad_die "the server could not be built"; }

	# pg_cron, for the test that schedules jobs with it: built for this
	# server, or the one of Debian's server, whose interface is the same.
	# Without either that test is skipped.
	if [ -z "${ANOMALY_PG_SOURCE:-}" ] &&
		source=$(get_source "postgresql-$major-cron" "$ad_work/cron")
	then
		if [ "$(id -u)" = 0 ]; then
			chown -R "$ad_user:" "$ad_work/cron"
		fi
		ad_as_user make -C "$source" PG_CONFIG="$prefix/bin/pg_config" install \
			>>"$log" 2>&1 </dev/null || true
	fi
	if [ ! -f "$prefix/lib/pg_cron.so" ] &&
		[ -f "/usr/lib/postgresql/$major/lib/pg_cron.so" ]
	then
		cp "/usr/lib/postgresql/$major/lib/pg_cron.so" "$prefix/lib/"
		cp "/usr/share/postgresql/$major/extension/pg_cron"* "$prefix/share/extension/"
	fi
	[ -f "$prefix/lib/pg_cron.so" ] ||
		ad_say "pg_cron could not be had, see $log: its test will be skipped"
	rm -rf "$server"
	mv "$prefix" "$server"
}

PG_CONFIG=$server/bin/pg_config
ad_pg_usable "$PG_CONFIG" || build_server
ad_pg_usable "$PG_CONFIG" || ad_die "$server is not complete: remove it and try again"
export PG_CONFIG
flock -u 9
exec 9>&-

if [ "${ANOMALY_ONLY:-}" = build ]; then
	echo "$PG_CONFIG"
	exit
fi
rm -rf "$ad_work"
cd "$ad_root"
# a call takes several times as long here
export ANOMALY_TEST_MUTATIONS=${ANOMALY_TEST_MUTATIONS:-6000}
exec test/run.sh "$only"
