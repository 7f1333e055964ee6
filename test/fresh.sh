#!/bin/bash
#
# Runs "make demo", "make test" and the README's installation on fresh machines:
# Debian's minimum and make, no compiler, no PostgreSQL, no sudo. Looks at what
# they print and at what they leave. Ends with "N passed, N failed".
#
#   test/fresh.sh [RELEASE [PART ...]]   bookworm, and all of demo, install, test
#
# Needs root, Debian's debootstrap (installed if missing), the archive that
# this machine's apt uses, 4 GB of disk in TMPDIR (/var/tmp), half an hour.
# ANOMALY_CACHE=folder keeps what can be used again (see chroot.sh). The tests
# themselves are counted as one here; what they print goes to a file in
# ANOMALY_LOGS, if that is set, and to the terminal if they fail.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/chroot.sh"

release=${1:-bookworm}
parts=("${@:2}")
[ ${#parts[@]} -gt 0 ] || parts=(demo install test)
passed=0
failed=0
root=                # of the machine in use
log=                 # what the last command said

# Counts one check; on failure shows the end of what the last command said.
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

# Runs a command in the machine; true if it ends with the status expected.
runs() {
	local expected=$1 status=0

	shift
	ad_run "${root##*/}" "$@" >"$log" 2>&1 || status=$?
	[ -z "${ANOMALY_LOGS:-}" ] || cp "$log" "$ANOMALY_LOGS/$(date +%H%M%S)-${root##*/}.log"
	[ "$status" = "$expected" ]
}
as_nobody() { runs "$1" runuser -u nobody -- "${@:2}"; }
says() { grep -qE -e "$1" "$log"; }
ends() { tail -n 1 "$log" | grep -qxE -e "$1"; }

# What must be after a command as it was before: the checkout, and what starts
# with the machine.
state() {
	(
		set +e       # some of these need not be there
		cd "$root" || exit
		find usr/src/anomaly -type f -exec cksum {} +
		find etc/systemd etc/rc?.d -type l ! -name 'K*'
		find tmp var/tmp usr/sbin/policy-rc.d* etc/postgresql/* \
			etc/postgresql-common/createcluster.d/* var/lib/postgresql/*/* 2>/dev/null
		find . -xdev -path ./usr/src/anomaly -prune -o -name '*anomaly*' \
			! -path ./etc/apt/apt.conf.d/90anomaly -print
		true
	) | sort
}
# True if all of that is so, and no process stayed.
left_nothing() {
	state >"$ad_machines/after"
	diff "$ad_machines/before" "$ad_machines/after" >"$log" || return
	cat "$root.left" >"$log"
	[ ! -s "$root.left" ]
}

begin() {
	echo "== $1, on a fresh $release"
	ad_machine "$2" "$release"
	root=$ad_machines/$2
	log=$ad_machines/$2.log
	: >"$log"
	state >"$ad_machines/before"
}

part_demo() {
	begin 'make demo' demo
	ok 'make help needs nothing' runs 0 make help
	ok '... and lists the targets' says '^ *make installcheck '
	ok 'make without PostgreSQL fails' runs 2 make
	ok '... and says what to install' says 'apt-get install postgresql-server-dev-all liblapack-dev'
	ok 'who is not root cannot begin' as_nobody 2 make demo
	ok '... and is told what root has to run' says '^Run as root, once: .*/test/setup.sh demo$'
	ok 'make demo works at the first try' runs 0 make demo
	ok '... shows the monitoring at its end' says '^ *alert flood *\| ok '
	ok '... and says how to remove what it installed' ends 'apt-get purge --autoremove gcc libc6-dev liblapack-dev postgresql-[0-9]+ postgresql-server-dev-[0-9]+'
	ok '... which is all that it left' left_nothing
	ok 'who is not root can go on' as_nobody 0 make demo
	ok '... installing nothing' ends '.* Nothing else was touched\.'
	ok '... and leaving nothing' left_nothing
	ad_machine_end demo "$release"
}

# The README's words, and a server as Debian makes it, for the time of one
# command.
part_install() {
	local readme with_server apt='apt-get -qq -y --no-install-recommends install'

	readme=$(sed -n 's/^sudo apt-get install //p' "$ad_root/README.md" | head -n 1)
	with_server='pg_createcluster --start $(ls /usr/lib/postgresql) main >/dev/null && { "$@"; s=$?
		pg_dropcluster --stop $(ls /usr/lib/postgresql) main; exit $s; }'

	begin 'make, make install, make installcheck' install
	ok "apt-get install $readme" runs 0 sh -c "apt-get -qq update && $apt $readme"
	ok 'make' runs 0 make
	ok 'make install' runs 0 make install
	# without the cluster that Debian makes at once
	ok 'apt-get install postgresql' runs 0 sh -c "$apt postgresql && pg_dropcluster --stop \$(ls /usr/lib/postgresql) main"
	ok 'make installcheck without a server fails' runs 2 make installcheck
	ok '... and says what it needs' says '^make installcheck: needs a running server of PostgreSQL [0-9]+'
	ok 'make installcheck without a role fails' runs 2 sh -c "$with_server" sh make installcheck
	ok '... and says how to make it' says "su postgres -c 'createuser --superuser root'"
	ok 'make installcheck' runs 0 sh -c "$with_server" sh sh -c "su postgres -c 'createuser --superuser root' && make installcheck"
	ok 'make uninstall, make clean' runs 0 sh -c 'make uninstall && make clean'
	(cd "$root" && find . -xdev -path ./usr/src/anomaly -prune -o -name '*anomaly*' ! -path ./etc/apt/apt.conf.d/90anomaly -print) >"$log"
	ok '... leave nothing' eval '! says .'
	ad_machine_end install "$release"
}

part_test() {
	begin 'make test' test
	ok 'make test works at the first try' runs 0 make test
	ok '... counting at its end' ends '[0-9]+ passed, 0 failed'
	grep -xE '[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 || true
	ok '... skipping nothing' eval '! says "# skip"'
	ok '... and leaves nothing but packages' left_nothing
	ok 'who is not root needs nothing more' as_nobody 0 test/setup.sh test
	ok '... than this' eval '! says .'
	ad_machine_end test "$release"
}

ad_machines_begin
if ad_base "$release"; then
	for part in "${parts[@]}"; do
		"part_$part"
	done
else
	failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
