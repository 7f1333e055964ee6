# Shared by setup.sh, run.sh, demo.sh and bench/run.sh (sourced, bash).
#
# Nothing here touches a server, a data directory, an installation of
# PostgreSQL or a file of the checkout that was there before: the source is
# built in a temporary copy, "make install" writes into a temporary copy of
# PostgreSQL, the server is a private one of that copy, owned by an
# unprivileged user, on a unix socket in the same temporary directory, and all
# of it is removed when the script ends, however it ends.

ad_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ad_work=             # temporary directory, once ad_make_work has run

# A "make test" hands its flags and jobserver down; the inner makes start
# afresh.
unset MAKEFLAGS MFLAGS MAKELEVEL
# Settings of the caller's own PostgreSQL sessions are none of our business.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGDATABASE PGOPTIONS \
	PGSERVICE PGSERVICEFILE PGSSLMODE PGDATA PGAPPNAME PSQLRC
export LC_ALL=C.UTF-8

ad_say() { printf '%s\n' "$*" >&2; }
ad_die() { ad_say "$0: $*"; exit 1; }

# True if this pg_config belongs to a server with headers and PGXS. That it
# exists says little: Debian's libpq-dev brings one too.
ad_pg_usable() {
	local pg_config=$1

	command -v "$pg_config" >/dev/null 2>&1 &&
		[ -f "$("$pg_config" --pgxs 2>/dev/null)" ] &&
		[ -f "$("$pg_config" --includedir-server)/postgres.h" ] &&
		[ -x "$("$pg_config" --bindir)/postgres" ] &&
		[ -x "$("$pg_config" --bindir)/initdb" ]
}

# Sets PG_CONFIG: what the caller says, else the one on PATH, else the newest
# of Debian's. Returns false if there is none.
ad_find_pg() {
	local candidate

	if [ -n "${PG_CONFIG:-}" ] && [ "$PG_CONFIG" != pg_config ]; then
		ad_pg_usable "$PG_CONFIG" || return
		case $PG_CONFIG in /*) ;; *) PG_CONFIG=$(command -v "$PG_CONFIG") ;; esac
		case $PG_CONFIG in /*) ;; *) PG_CONFIG=$PWD/$PG_CONFIG ;; esac
		export PG_CONFIG
		return
	fi
	for candidate in pg_config \
		$(ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -Vr)
	do
		if ad_pg_usable "$candidate"; then
			PG_CONFIG=$(command -v "$candidate")
			export PG_CONFIG
			return 0
		fi
	done
	return 1
}

# Names the unprivileged user who builds and owns the server.
ad_find_user() {
	if [ "$(id -u)" != 0 ]; then
		ad_user=$(id -un)
	elif id postgres >/dev/null 2>&1; then
		ad_user=postgres
	else
		ad_user=nobody
	fi
}

# Runs a command as that user, with the environment as it is.
ad_as_user() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u "$ad_user" -- env HOME="$ad_work" "$@"
	else
		"$@"
	fi
}

# Makes the temporary directory, promises its removal, and puts a private
# PostgreSQL there. The name is short: a unix socket's path must fit in 107
# bytes.
ad_make_work() {
	ad_find_pg || ad_die "no PostgreSQL with server headers found (test/setup.sh)"
	ad_find_user
	ad_work=$(cd "$(mktemp -d /tmp/adXXXXXX)" && pwd -P)
	trap ad_cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if [ "$(id -u)" = 0 ]; then
		chown "$ad_user:" "$ad_work"
	fi
	# Anything started from here must not stand in a directory the
	# unprivileged user cannot enter.
	cd "$ad_work"
	ad_copy_pg
}

# The deepest directory that holds all of the arguments; nothing for /.
ad_common_directory() {
	local directory=$1 path

	for path in "$@"; do
		while [[ $path/ != "$directory"/* ]]; do
			directory=${directory%/*}
		done
	done
	echo "$directory"
}

# Makes a private copy of PostgreSQL in $ad_work/pg and lets PG_CONFIG and
# ad_bindir name it, so that what is installed is installed there.
#
# PostgreSQL's programs look for everything else by its place relative to
# themselves, so a copy with the same layout keeps to itself. The programs are
# real copies, for they follow symbolic links to find out where they are; the
# libraries and shared files are real directories of symbolic links, which an
# installation replaces one by one; headers are only read, so their directory
# is one link. An extension "anomaly" already installed is not copied.
ad_copy_pg() {
	local from to=$ad_work/pg directory file bin share lib

	bin=$("$PG_CONFIG" --bindir)
	share=$("$PG_CONFIG" --sharedir)
	lib=$("$PG_CONFIG" --pkglibdir)
	from=$(ad_common_directory "$bin" "$share" "$lib")

	for directory in "$bin" "$share" "$lib"; do
		ad_as_user mkdir -p "$to${directory#"$from"}"
	done
	for file in "$bin"/{postgres,initdb,psql,pgbench,createdb,dropdb,createuser,dropuser,clusterdb,reindexdb,vacuumdb,pg_*}
	do
		[ ! -f "$file" ] || ad_as_user cp -L "$file" "$to${bin#"$from"}/"
	done
	# the pg_config that was named, where it has a name of its own
	if [ "$bin" -ef "$(dirname "$PG_CONFIG")" ]; then
		ad_as_user cp -L "$PG_CONFIG" "$to${bin#"$from"}/pg_config"
	fi
	for directory in "$share" "$lib"; do
		ad_as_user cp -Rs "$directory/." "$to${directory#"$from"}/"
	done
	for directory in "$("$PG_CONFIG" --includedir)" "$("$PG_CONFIG" --pkgincludedir)" \
		"$("$PG_CONFIG" --includedir-server)" "$("$PG_CONFIG" --libdir)"
	do
		case $directory in "$from"/*) ;; *) continue ;; esac
		[ ! -e "$to${directory#"$from"}" ] || continue
		ad_as_user mkdir -p "$(dirname "$to${directory#"$from"}")"
		ad_as_user ln -s "$directory" "$to${directory#"$from"}"
	done
	# where the programs have been told to look for libpq beside themselves
	for file in "$("$PG_CONFIG" --libdir)"/lib{pq,pg,ecpg}*; do
		directory=$to${file#"$from"}
		[ ! -e "$file" ] || [ -e "$directory" ] || [ ! -d "${directory%/*}" ] ||
			ad_as_user ln -s "$file" "$directory"
	done
	bin=$to${bin#"$from"} share=$to${share#"$from"} lib=$to${lib#"$from"}
	rm -rf "$lib"/anomaly.* "$lib"/bitcode/anomaly* "$share"/extension/anomaly[.-]*

	if [ "$("$bin/pg_config" --sharedir)" != "$share" ]; then
		# Debian's of PostgreSQL 13 names its directories without looking
		rm "$bin/pg_config"
		ad_as_user tee "$bin/pg_config" >/dev/null <<-END
			#!/bin/sh
			case \$1 in
			    --bindir | --sharedir | --pkglibdir | --pgxs | --*includedir* | --libdir)
			        '$PG_CONFIG' "\$@" | sed 's,^$from/,$to/,' ;;
			    *)
			        exec '$PG_CONFIG' "\$@" ;;
			esac
		END
		chmod 755 "$bin/pg_config"
	fi
	if [ "$("$bin/pg_config" --pkglibdir)" != "$lib" ] ||
		! ad_as_user "$bin/initdb" --show -D "$to/none" 2>&1 | grep -qxF "share_path=$share"
	then
		ad_die "a copy of the PostgreSQL of $PG_CONFIG does not work in $to; \
use make install and make installcheck"
	fi
	ad_bindir=$bin
	PG_CONFIG=$bin/pg_config
	export PG_CONFIG
}

ad_cleanup() {
	local status=$? pidfile

	trap - EXIT HUP INT TERM
	# Ours, and those that an interrupted TAP test could not stop itself.
	find "$ad_work" -name postmaster.pid | while read -r pidfile; do
		ad_as_user "$ad_bindir/pg_ctl" -D "${pidfile%/*}" -m immediate -w stop \
			>/dev/null 2>&1 || true
	done
	cd /
	[ -z "${ANOMALY_SMALL_DISK:-}" ] || umount "$ANOMALY_SMALL_DISK" 2>/dev/null || true
	rm -rf "$ad_work"
	exit "$status"
}

# Mounts a disk that is soon full, for a test of that, and names it in
# ANOMALY_SMALL_DISK. Only root can, and not in every container: the test is
# skipped then.
ad_mount_small_disk() {
	unset ANOMALY_SMALL_DISK
	[ "$(id -u)" = 0 ] || return 0
	mkdir "$ad_work/small_disk"
	if mount -t tmpfs -o size=24m tmpfs "$ad_work/small_disk" 2>/dev/null; then
		chown "$ad_user:" "$ad_work/small_disk"
		export ANOMALY_SMALL_DISK=$ad_work/small_disk
	fi
}

# Copies the checkout, without what git ignores, into a directory.
ad_copy_checkout() {
	mkdir -p "$1"
	tar -C "$ad_root" --exclude=./.git --exclude='*.o' --exclude='*.bc' \
		--exclude='*.so' --exclude='./sql/anomaly--*.sql' --exclude=./results \
		--exclude=./tmp_check --exclude=./log --exclude='./regression.*' \
		-cf - . | tar -C "$1" -xf -
}

# Builds a copy of the checkout in $ad_work/src. Arguments go to make. Output
# is shown only if it fails.
ad_build() {
	ad_copy_checkout "$ad_work/src"
	if [ "$(id -u)" = 0 ]; then
		chown -R "$ad_user:" "$ad_work/src"
	fi
	if ! ad_as_user make -C "$ad_work/src" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" \
		"$@" >"$ad_work/build.log" 2>&1
	then
		cat "$ad_work/build.log" >&2
		ad_die "the build failed"
	fi
	# Warnings are worth seeing even when they are not errors.
	grep -A 4 'warning:' "$ad_work/build.log" >&2 || true
}

# Installs what ad_build made into the private PostgreSQL.
ad_install() {
	if ! ad_as_user make -C "$ad_work/src" PG_CONFIG="$PG_CONFIG" install "$@" \
		>"$ad_work/install.log" 2>&1
	then
		cat "$ad_work/install.log" >&2
		ad_die "the installation failed"
	fi
}

# Starts the private server; arguments are lines for its postgresql.conf.
# Leaves PGHOST, PGPORT, PGUSER and PGDATABASE pointing at it. Its superuser is
# ad_superuser, if that is set, or postgres.
ad_start_server() {
	local log=$ad_work/server.log line

	ad_as_user "$ad_bindir/initdb" -D "$ad_work/data" -U "${ad_superuser:-postgres}" -A trust \
		-E UTF8 --locale=C --no-sync >"$ad_work/initdb.log" 2>&1 ||
		{ cat "$ad_work/initdb.log" >&2; ad_die "initdb failed"; }
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$ad_work'"
		echo "fsync = off"
		for line in "$@"; do
			echo "$line"
		done
	} | ad_as_user tee -a "$ad_work/data/postgresql.conf" >/dev/null
	ad_as_user "$ad_bindir/pg_ctl" -D "$ad_work/data" -l "$log" -w start \
		>/dev/null || { cat "$log" >&2; ad_die "the server did not start"; }
	export PGHOST=$ad_work PGPORT=5432 PGUSER=${ad_superuser:-postgres} PGDATABASE=postgres
}

# psql as a script wants it: no ~/.psqlrc, stop at the first error.
ad_psql() {
	"$ad_bindir/psql" -X -v ON_ERROR_STOP=1 "$@"
}
