# Shared by setup.sh, run.sh, demo.sh and bench/run.sh (sourced, bash).
#
# Nothing here touches a server, a data directory or a file of the checkout
# that was there before: the source is built in a temporary copy, the server
# is a private one, owned by an unprivileged user, on a unix socket in a
# temporary directory, and both are removed when the script ends, however it
# ends. Only "make install" writes elsewhere: into PostgreSQL's own
# directories.

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
		ad_pg_usable "$PG_CONFIG"
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

# Makes the temporary directory and promises its removal. The name is short:
# a unix socket's path must fit in 107 bytes.
ad_make_work() {
	ad_find_pg || ad_die "no PostgreSQL with server headers found (test/setup.sh)"
	ad_find_user
	ad_bindir=$("$PG_CONFIG" --bindir)
	ad_work=$(mktemp -d /tmp/adXXXXXX)
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
	rm -rf "$ad_work"
	exit "$status"
}

# Copies the checkout, without what git ignores, to $ad_work/src and builds
# it there. Arguments go to make. Output is shown only if it fails.
ad_build() {
	mkdir "$ad_work/src"
	tar -C "$ad_root" --exclude=./.git --exclude='*.o' --exclude='*.bc' \
		--exclude='*.so' --exclude='./sql/anomaly--*.sql' --exclude=./results \
		--exclude=./tmp_check --exclude=./log --exclude='./regression.*' \
		-cf - . | tar -C "$ad_work/src" -xf -
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

# Installs what ad_build made, with sudo only where it must.
ad_install() {
	local sudo=

	if [ "$(id -u)" != 0 ] &&
		! { [ -w "$("$PG_CONFIG" --pkglibdir)" ] &&
			[ -w "$("$PG_CONFIG" --sharedir)/extension" ]; }
	then
		sudo -n true 2>/dev/null ||
			ad_die "cannot write to $("$PG_CONFIG" --pkglibdir): run as root, or set PG_CONFIG to a PostgreSQL of your own"
		sudo='sudo -n'
	fi
	if ! $sudo make -C "$ad_work/src" PG_CONFIG="$PG_CONFIG" install "$@" \
		>"$ad_work/install.log" 2>&1
	then
		cat "$ad_work/install.log" >&2
		ad_die "the installation failed"
	fi
}

# Starts the private server; arguments are lines for its postgresql.conf.
# Leaves PGHOST, PGPORT, PGUSER and PGDATABASE pointing at it.
ad_start_server() {
	local log=$ad_work/server.log line

	ad_as_user "$ad_bindir/initdb" -D "$ad_work/data" -U postgres -A trust \
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
	export PGHOST=$ad_work PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

# psql as a script wants it: no ~/.psqlrc, stop at the first error.
ad_psql() {
	"$ad_bindir/psql" -X -v ON_ERROR_STOP=1 "$@"
}
