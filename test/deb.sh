#!/bin/bash
#
# Builds the Debian package, and the archive it is made of, on a fresh machine
# (chroot.sh), looks at it with lintian, installs it on a second one that has no
# compiler, and runs debian/tests there: make installcheck, on a server made for
# it. Ends with "N passed, N failed".
#
#   test/deb.sh [RELEASE]        bookworm, if none is named
#
# Needs root, Debian's debootstrap (installed if missing), the archive that this
# machine's apt uses, 4 GB of disk in TMPDIR (/var/tmp), a quarter of an hour.
# ANOMALY_CACHE=folder keeps what can be used again, ANOMALY_PACKAGES=folder the
# packages that were built.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/chroot.sh"

release=${1:-bookworm}
passed=0
failed=0
machine=             # the one in use
log=                 # what the last command said

# What lintian says of a package that has never been in Debian, and of a library
# in which no call needs a checked variant.
explained='initial-upload-closes-no-bugs|hardening-no-fortify-functions'

ok() {
	local what=$1

	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok - $what"
	else
		failed=$((failed + 1))
		echo "not ok - $what"
		sed 's/^/    /' "$log" | tail -n 40
	fi
}
runs() { ad_run "$machine" "$@" >"$log" 2>&1; }
says() { grep -qE -e "$1" "$log"; }
begin() {
	echo "== $1, on a fresh $release"
	machine=$2
	log=$ad_machines/$2.log
	ad_machine "$2" "$release"
	ok 'apt-get update' runs apt-get -qq update
}
install='env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install'

ad_machines_begin
if ! ad_base "$release"; then
	echo "0 passed, 1 failed"
	exit 1
fi

begin 'make dist, dpkg-buildpackage' build
needs=$(sed -n 's/^    apt-get install //p' "$ad_root/docs/packages.md" | head -n 1)
ok "apt-get install $needs" runs $install $needs
ok '... and zip, lintian' runs $install zip lintian
ok 'make dist' runs make dist
archive=$(tail -n 1 "$log")
version=${archive#anomaly-} version=${version%.tar.gz}
ok 'the archive is unpacked' runs sh -c "mkdir /build && cp $archive /build/postgresql-anomaly_$version.orig.tar.gz &&
	tar -C /build -xf $archive"
ok 'pg_buildext updatecontrol' runs sh -c "cd /build/anomaly-$version && pg_buildext updatecontrol"
ok 'dpkg-buildpackage' runs sh -c "cd /build/anomaly-$version && DEB_BUILD_OPTIONS=parallel=$(nproc) dpkg-buildpackage -us -uc"
ok '... without a warning of the compiler' eval '! says "warning: .*\[-W"'
deb=$(cd "$ad_machines/build/build" && ls postgresql-*-anomaly_*.deb | sort -V | tail -n 1)
major=${deb#postgresql-} major=${major%%-*}
ok "$deb has what make install installs" runs sh -c "cd /build && dpkg-deb -c $deb && dpkg-deb -f $deb Depends"
ok '... the library' says " \./usr/lib/postgresql/$major/lib/anomaly\.so$"
ok '... its bitcode' says " \./usr/lib/postgresql/$major/lib/bitcode/anomaly\.index\.bc$"
ok '... the script' says " \./usr/share/postgresql/$major/extension/anomaly--$version\.sql$"
ok '... the updates' says " \./usr/share/postgresql/$major/extension/anomaly--[0-9.]*--$version\.sql$"
ok '... depends on the server' says "(^|, )postgresql-$major(,| |$)"
ok '... and on LAPACK' says 'liblapack3'
runs sh -c 'cd /build && lintian --display-info --allow-root *.changes' || true
ok 'lintian has nothing to say that is not explained' eval \
	'! grep -E "^[EWI]: " "$log" | grep -vE ": ($explained)( |\$)" | grep .'
if [ -n "${ANOMALY_PACKAGES:-}" ]; then
	mkdir -p "$ANOMALY_PACKAGES"
	find "$ad_machines/build/build" -maxdepth 1 -type f -exec cp -t "$ANOMALY_PACKAGES" {} +
fi
cp "$ad_machines/build/build/$deb" "$ad_machines/$deb"
cp "$ad_machines/build/build/anomaly-$version/debian/tests/control" "$ad_machines/control"
ad_machine_end build "$release"

begin 'installing it' user
cp "$ad_machines/$deb" "$ad_machines/user/root/"
cp "$ad_machines/control" "$ad_machines/user/usr/src/anomaly/debian/tests/control"
ok "apt-get install ./$deb" runs $install "/root/$deb"
ok "... and what debian/tests wants" runs $install $(sed -n 's/^Depends: @, *//p' "$ad_machines/control" | tr ',' ' ')
ok '... but no compiler' runs sh -c '! command -v gcc'
ok 'debian/tests/installcheck' runs debian/tests/installcheck
ok '... runs the regression tests' says '(All [0-9]+ tests passed|1\.\.[0-9]+)'
grep -oE 'All [0-9]+ tests passed' "$log" | tail -n 1 || true
ok 'the extension is created by a server with JIT' runs pg_virtualenv -v "$major" psql -X -v ON_ERROR_STOP=1 \
	-c 'CREATE EXTENSION anomaly' -c 'SET jit_above_cost = 0' -c 'SET jit_inline_above_cost = 0' -c 'SET jit_optimize_above_cost = 0' \
	-c "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT count(ad_score(m, x)) FROM generate_series(1, 1000) x, (SELECT ad_fit(ad_zscore(), y) AS m FROM generate_series(1, 100) y) f"
ok '... which compiles with inlining' says 'Inlining true'
ok 'apt-get purge' runs apt-get -qq -y purge "postgresql-$major-anomaly"
ok '... leaves nothing' runs sh -c '! find / -xdev -path /usr/src -prune -o -path /root -prune -o -name "*anomaly*" -print |
	grep -v /etc/apt/apt.conf.d/90anomaly'
ad_machine_end user "$release"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
