#!/bin/sh
#
# Says what "make installcheck" lacks, if it lacks something:
# test/needs.sh PSQL EXTENSION VERSION MAJOR, where MAJOR is the version of
# PostgreSQL that the extension was built for.

psql=$1 extension=$2 version=$3 major=$4

die() {
	echo "make installcheck: $*" >&2
	exit 1
}

ask() {
	"$psql" -X -A -t -d postgres -c "$1"
}

server=$(ask 'SHOW server_version_num' 2>/dev/null) || die "needs a running server of PostgreSQL $major, and a role that may connect to it.
psql says: $(ask 'SELECT 1' 2>&1)
PGHOST, PGPORT, PGUSER and PGPASSWORD say which server and role, as for psql.
Where there is a server, a role with your name is made so (Debian): su postgres -c 'createuser --superuser $(id -un)'
make test needs no server: it starts one of its own."

[ $((server / 10000)) = "${major%%.*}" ] ||
	die "the server is of PostgreSQL $((server / 10000)), but this was built for $major: PG_CONFIG or PGPORT names another one"

[ "$(ask "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")" = t ] ||
	die "needs a superuser, but \"$(ask 'SELECT current_user')\" is none: say PGUSER=..., or ALTER ROLE ... SUPERUSER"

[ "$(ask "SELECT count(*) FROM pg_available_extension_versions WHERE name = '$extension' AND version = '$version'")" = 1 ] ||
	die "the server does not see $extension $version: run make install first, with the same PG_CONFIG"
