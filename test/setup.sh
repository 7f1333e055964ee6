#!/bin/bash
#
# Installs what the tests and the demo need (with the argument "bench" also
# what the benchmarks need) on Debian and its relatives. Does nothing, and
# needs no root, when everything is there.
#
# PG_CONFIG names a PostgreSQL to use instead of the one found; its server
# headers must be there. No cluster is made, started or stopped.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

missing=()
need() { missing+=("$@"); }

links() {
	echo 'int main(void) { return 0; }' |
		gcc -x c - "$@" -o /dev/null 2>/dev/null
}

# The version of the server that is there without its headers, of the headers
# that are there without their server, or of Debian's default.
postgres_version() {
	local file

	for file in $(ls -d /usr/lib/postgresql/*/bin/postgres \
		/usr/lib/postgresql/*/lib/pgxs 2>/dev/null | sort -Vr)
	do
		file=${file#/usr/lib/postgresql/}
		echo "${file%%/*}"
		return
	done
	apt-cache depends postgresql 2>/dev/null |
		sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1
}

find_missing() {
	local version

	missing=()
	command -v gcc >/dev/null || need gcc libc6-dev
	command -v make >/dev/null || need make
	command -v perl >/dev/null && command -v prove >/dev/null || need perl
	perl -MIPC::Run -e 1 2>/dev/null || need libipc-run-perl
	links -llapack || need liblapack-dev
	command -v prometheus-postgres-exporter >/dev/null || need prometheus-postgres-exporter
	if ! ad_find_pg; then
		[ "${PG_CONFIG:-pg_config}" = pg_config ] ||
			ad_die "$PG_CONFIG is not the pg_config of a PostgreSQL server with its headers"
		version=$(postgres_version)
		need "postgresql-${version:-N}" "postgresql-server-dev-${version:-N}"
	fi
	# pg_cron for a server of Debian's; others go without
	if ad_find_pg; then
		version=$("$PG_CONFIG" --pkglibdir)
		case $version in
			/usr/lib/postgresql/*/lib)
				[ -f "$version/pg_cron.so" ] || need "postgresql-$(basename "${version%/lib}")-cron" ;;
		esac
	fi
	if [ "${1:-}" = bench ]; then
		/usr/bin/python3 -c 'import sklearn' 2>/dev/null || need python3-sklearn
		/usr/bin/python3 -c 'import statsmodels' 2>/dev/null || need python3-statsmodels
		/usr/bin/python3 -c 'import matplotlib' 2>/dev/null || need python3-matplotlib
		command -v Rscript >/dev/null || need r-base-core
	fi
}

find_missing "$@"
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	ad_die "missing: ${missing[*]} (names of Debian's packages; install your system's equivalents)"
elif [ "$(id -u)" != 0 ]; then
	ad_die "missing: ${missing[*]}; as root, run: apt-get install ${missing[*]}"
fi

export DEBIAN_FRONTEND=noninteractive
ad_say "Refreshing the list of packages ..."
apt-get -qq update >&2
find_missing "$@"           # Debian's default version is known only now

# Installing a server makes and starts a cluster, unless told not to. Tell it
# for this run only.
switch=/etc/postgresql-common/createcluster.d/zz-anomaly-setup.conf
mkdir -p "${switch%/*}"
echo 'create_main_cluster = false' >"$switch"
trap 'rm -f "$switch"' EXIT

ad_say "Installing ${missing[*]} ..."
log=$(mktemp)
if ! apt-get -qq -y --no-install-recommends install "${missing[@]}" \
	>"$log" 2>&1 </dev/null
then
	cat "$log" >&2
	rm -f "$log"
	ad_die "could not install ${missing[*]}"
fi
rm -f "$log"

find_missing "$@"
[ ${#missing[@]} -eq 0 ] || ad_die "still missing: ${missing[*]}"
