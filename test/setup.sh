#!/bin/bash
#
# Installs what is missing, on Debian and its relatives: test/setup.sh [WHAT]
#
#   demo     a compiler, LAPACK, PostgreSQL and its headers
#   test     (the default) that, and what the tests use
#   site     what makes a website of the documents, and no PostgreSQL
#   style    demo's, and what lays out C files
#   bench    that, and what the benchmarks compare with
#
# Does nothing, and needs no root, when everything is there. Prints the packages
# that it installed, one per line, without those they depend on. No service of a
# package installed here is started or stays enabled, and no cluster is made;
# those that were there before are none of its business.
#
# PG_CONFIG names a PostgreSQL to use instead of the one found; its server
# headers must be there.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

what=${1:-test}
case $what in demo | test | site | style | bench) ;; *) ad_die "expected demo, test, site, style or bench, not \"$what\"" ;; esac

missing=()           # packages to install
wished=()            # those that Debian need not have: their tests are skipped

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

# Looks at all that is needed, with the server that is there or that will be.
find_missing() {
	local version lib module

	missing=() wished=()
	if [ "$what" = site ]; then
		command -v perl >/dev/null || missing+=(perl)
		command -v mkdocs >/dev/null || missing+=(mkdocs)
		return 0
	fi
	links || missing+=(gcc libc6-dev)
	links -llapack || missing+=(liblapack-dev)
	command -v make >/dev/null || missing+=(make)
	if ad_find_pg; then
		lib=$("$PG_CONFIG" --pkglibdir)
	elif [ "${PG_CONFIG:-pg_config}" != pg_config ]; then
		ad_die "$PG_CONFIG is not the pg_config of a PostgreSQL server with its headers"
	else
		version=$(postgres_version)
		missing+=("postgresql${version:+-$version}" "postgresql-server-dev-${version:-all}")
		lib=${version:+/usr/lib/postgresql/$version/lib}
	fi
	[ "$what" != demo ] || return 0

	if [ "$what" = style ]; then
		command -v perl >/dev/null || missing+=(perl)
		command -v pg_bsd_indent >/dev/null || missing+=(pg-bsd-indent)
		return 0
	fi
	{ command -v perl && command -v prove; } >/dev/null || missing+=(perl)
	perl -MIPC::Run -e 1 2>/dev/null || missing+=(libipc-run-perl)
	command -v prometheus-postgres-exporter >/dev/null ||
		wished+=(prometheus-postgres-exporter)
	command -v promtool >/dev/null || wished+=(prometheus)
	# of the clients of docs/clients.md the small ones
	for module in psycopg2 psycopg asyncpg sqlalchemy; do
		/usr/bin/python3 -c "import $module" 2>/dev/null || wished+=("python3-$module")
	done
	[ -x /usr/sbin/pgbouncer ] || wished+=(pgbouncer)
	command -v curl >/dev/null || wished+=(curl)
	command -v zip >/dev/null || wished+=(zip)
	command -v unzip >/dev/null || wished+=(unzip)
	# other extensions for a server of Debian's; others go without
	case $lib in
		/usr/lib/postgresql/*/lib)
			version=$(basename "${lib%/lib}")
			[ -f "$lib/pg_cron.so" ] || wished+=("postgresql-$version-cron")
			[ -f "$lib/hypopg.so" ] || wished+=("postgresql-$version-hypopg")
			# Debian has it since 13
			[ "$version" -lt 17 ] || [ -f "$lib/vector.so" ] || wished+=("postgresql-$version-pgvector") ;;
	esac
	[ "$what" = bench ] || return 0

	/usr/bin/python3 -c 'import sklearn' 2>/dev/null || missing+=(python3-sklearn)
	/usr/bin/python3 -c 'import statsmodels' 2>/dev/null || missing+=(python3-statsmodels)
	/usr/bin/python3 -c 'import matplotlib' 2>/dev/null || missing+=(python3-matplotlib)
	command -v Rscript >/dev/null || missing+=(r-base-core)
}

# Moves a wished package to the missing ones if Debian has it.
find_wished() {
	local package

	for package in ${wished[@]+"${wished[@]}"}; do
		if [ -n "$(apt-cache madison "$package" 2>/dev/null)" ]; then
			missing+=("$package")
		else
			ad_say "There is no package $package here: its test will be skipped."
		fi
	done
}

installed() {
	dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' |
		sed -n 's/^ii *//p' | sort
}

# Names of services, and links by which services start with the machine. None
# of the directories need be there.
services() {
	{ ls /etc/init.d /etc/systemd/system /lib/systemd/system \
		/usr/lib/systemd/system 2>/dev/null || true; } |
		sed 's/\.service$//' | sort -u
}
start_links() {
	{ find /etc/systemd/system /etc/systemd/user /etc/rc[2345S].d -type l \
		! -name 'K*' 2>/dev/null || true; } | sort
}

policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/zz-anomaly-setup.conf
work=

clean_up() {
	local status=$?

	rm -f "$cluster"
	if [ -f "$work/policy" ]; then
		rm -f "$policy"
		[ ! -e "$policy.anomaly" ] || mv "$policy.anomaly" "$policy"
	fi
	rm -rf "$work"
	exit "$status"
}

# Packages start and enable their services when they are installed, and
# PostgreSQL makes a cluster. All of them ask first; this is the answer, for
# this run only. A service that was there before is answered as before.
keep_quiet() {
	work=$(mktemp -d)
	trap clean_up EXIT
	trap 'exit 130' HUP INT TERM

	mkdir -p "${cluster%/*}"
	echo 'create_main_cluster = false' >"$cluster"

	services >"$work/services"
	cat >"$work/policy" <<-END
		#!/bin/sh
		# Stands here while test/setup.sh of the extension anomaly installs.
		for name; do
		    case \$name in --*) ;; *) break ;; esac
		done
		name=\${name%.service}
		case \$name in *@*) name=\${name%%@*}@ ;; esac
		[ ! -f '$work/services' ] || grep -qxF -e "\$name" '$work/services' || exit 101
		[ ! -x '$policy.anomaly' ] || exec '$policy.anomaly' "\$@"
	END
	[ ! -e "$policy" ] || [ -e "$policy.anomaly" ] || mv "$policy" "$policy.anomaly"
	install -m 755 "$work/policy" "$policy"
}

# Takes back the links that the packages made; what they made is what
# "systemctl disable" and "update-rc.d disable" take away.
disable_new() {
	local link

	comm -13 "$work/links" <(start_links) | while read -r link; do
		case $link in
			/etc/rc*)
				# the name without S and two digits
				update-rc.d "$(basename "$link" | cut -c 4-)" disable >/dev/null 2>&1 || true ;;
			*)
				rm -f "$link" ;;
		esac
	done
	[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
}

find_missing
[ ${#missing[@]} -gt 0 ] || [ ${#wished[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	[ ${#missing[@]} -eq 0 ] || ad_die \
		"missing: ${missing[*]} (names of Debian's packages; install your system's equivalents)"
	ad_say "Without ${wished[*]} (names of Debian's packages) their tests are skipped."
	exit 0
elif [ "$(id -u)" != 0 ]; then
	[ ${#missing[@]} -eq 0 ] || ad_die "missing: ${missing[*]}
Run as root, once: $ad_root/test/setup.sh $what
or install these packages yourself. Everything else needs no root."
	ad_say "Without ${wished[*]} their tests are skipped; as root, $ad_root/test/setup.sh installs them."
	exit 0
fi

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
ad_say "Refreshing the list of packages ..."
apt-get -qq update >&2 || true     # a broken source need not matter
find_missing                       # Debian's default version is known only now
find_wished
[ ${#missing[@]} -gt 0 ] || exit 0

keep_quiet
installed >"$work/packages"
start_links >"$work/links"
ad_say "Installing ${missing[*]} ..."
status=0
apt-get -qq -y --no-install-recommends install "${missing[@]}" \
	>"$work/log" 2>&1 </dev/null || status=$?
disable_new
if [ "$status" -ne 0 ]; then
	cat "$work/log" >&2
	ad_die "could not install ${missing[*]}"
fi
ad_say "Installed $(comm -13 "$work/packages" <(installed) | wc -l) packages, with those they need."
printf '%s\n' "${missing[@]}"

find_missing
[ ${#missing[@]} -eq 0 ] || ad_die "still missing: ${missing[*]}"
