# Fresh machines: minimal Debians in directories (sourced by fresh.sh and
# versions.sh after lib.sh, bash, as root).
#
# A machine is a directory below $ad_machines. What runs in it has namespaces
# of its own for mounts, processes and shared memory: they end with the
# command, whatever happens to this script, so that nothing is mounted when
# the directory is removed, and no server stays behind.
#
# ANOMALY_CACHE names a folder in which the machines' first state
# (base-RELEASE.tar, 100 to 200 MB each) and the packages are kept for the next
# time; without it both are made anew.

ad_machines=         # temporary directory, once ad_machines_begin has run
ad_cache=            # that of ANOMALY_CACHE, or one in the above
ad_job=              # process that is being waited for

# Where everything is removed in the end, and what makes machines.
ad_machines_begin() {
	[ "$(id -u)" = 0 ] || ad_die "needs root, to make a Debian in a directory and to run it (debootstrap, chroot)"
	unshare --mount --pid --ipc --fork true 2>/dev/null ||
		ad_die "cannot make namespaces here (unshare --mount --pid --ipc): not root of the whole machine?"
	if ! command -v debootstrap >/dev/null; then
		command -v apt-get >/dev/null ||
			ad_die "debootstrap is missing (install your system's package of that name)"
		ad_say "Installing debootstrap, which stays ..."
		apt-get -qq update >&2 || true
		DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
			install debootstrap >/dev/null </dev/null ||
			ad_die "could not install debootstrap"
	fi
	ad_machines=$(mktemp -d "${TMPDIR:-/var/tmp}/anomaly-XXXXXX")
	trap ad_machines_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	ad_cache=${ANOMALY_CACHE:-$ad_machines/cache}
	mkdir -p "$ad_cache"
	ad_cache=$(cd "$ad_cache" && pwd -P)
}

ad_machines_end() {
	local status=$?

	trap - EXIT HUP INT TERM
	# unshare heeds nothing less, and takes all it runs with it
	[ -z "$ad_job" ] || { kill -KILL "$ad_job" && wait "$ad_job"; } 2>/dev/null || true
	# Nothing is mounted here that this script can see; should that ever be
	# wrong, a directory left is better than someone's /dev removed.
	rm -rf --one-file-system "$ad_machines"
	exit "$status"
}

# Runs a command to its end with namespaces of its own, for mounts at least.
ad_apart() {
	local status=0

	# not in the foreground, where a signal would have to wait for its end
	unshare --mount --propagation private --pid --ipc --fork --kill-child \
		"$@" </dev/null &
	ad_job=$!
	wait "$ad_job" || status=$?
	ad_job=
	return "$status"
}

# The mirror that this machine's own apt uses, if it is a Debian; otherwise
# debootstrap has its own.
ad_mirror() {
	apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 2>/dev/null |
		sed -n 's/^Debian Debian //p' | sort | uniq -c | sort -rn |
		awk 'NR == 1 { print $2 }'
}

# Makes $ad_cache/base-RELEASE.tar: Debian's minimum and make. Returns false,
# and says why, if that release cannot be had.
ad_base() {
	local release=$1 directory=$ad_machines/base-$1 script= mirror log

	[ ! -f "$ad_cache/base-$release.tar" ] || return 0
	log=$ad_machines/debootstrap.log
	mirror=$(ad_mirror)
	[ -f "/usr/share/debootstrap/scripts/$release" ] ||
		script=/usr/share/debootstrap/scripts/sid
	ad_say "Making a minimal Debian $release ..."
	if ! ad_apart --mount-proc debootstrap --variant=minbase --include=make \
		"$release" "$directory" ${mirror:+"$mirror"} ${mirror:+$script} >"$log" 2>&1
	then
		ad_say "Debian $release cannot be had: $(grep -E '^[EW]: ' "$log" | tail -n 1)"
		rm -rf --one-file-system "$directory"
		return 1
	fi
	rm -f "$directory"/var/cache/apt/archives/*.deb
	tar --one-file-system -C "$directory" -cf "$ad_cache/base-$release.tar.new" .
	mv "$ad_cache/base-$release.tar.new" "$ad_cache/base-$release.tar"
	rm -rf --one-file-system "$directory"
}

# Makes a machine of a release, with the checkout in /usr/src/anomaly. Its apt
# reaches what this machine's reaches, in the same way. Returns false if there
# is no such release.
ad_machine() {
	local name=$1 release=$2 root=$ad_machines/$1 file mirror

	ad_base "$release" || return
	mkdir "$root"
	tar -C "$root" -xpf "$ad_cache/base-$release.tar"
	for file in /etc/resolv.conf /etc/hosts; do
		[ ! -f "$file" ] || cp -L "$file" "$root$file"
	done
	mirror=$(ad_mirror)
	[ -z "$mirror" ] || echo "deb $mirror $release main" >"$root/etc/apt/sources.list"
	apt-config dump 2>/dev/null |
		grep -E '^Acquire::((https?|ftp|Check-[A-Za-z-]*|Force[A-Za-z0-9]*|Retries)(::| )|Languages)' |
		grep -vi 'Proxy-Auto-Detect' >"$root/etc/apt/apt.conf.d/90anomaly" || true
	mkdir -p "$ad_cache/packages-$release"
	find "$ad_cache/packages-$release" -name '*.deb' \
		-exec cp -t "$root/var/cache/apt/archives/" {} +
	ad_copy_checkout "$root/usr/src/anomaly"
}

# Removes a machine, but keeps the packages it fetched.
ad_machine_end() {
	local name=$1 release=$2 root=$ad_machines/$1

	find "$root/var/cache/apt/archives" -maxdepth 1 -name '*.deb' \
		-exec mv -n -t "$ad_cache/packages-$release/" {} +
	rm -rf --one-file-system "$root"
}

# Runs a command in a machine, in the checkout, without a terminal, and with
# little more in its environment than a path. What still runs when the command
# has ended is ended too, and named in $ad_machines/NAME.left.
ad_run() {
	local name=$1

	shift
	AD_ROOT=$ad_machines/$name ad_apart bash -c '
		set -eu
		mount --bind /dev "$AD_ROOT/dev"
		mount -t tmpfs -o mode=1777 tmpfs "$AD_ROOT/dev/shm"
		[ ! -d /dev/pts ] || mount --bind /dev/pts "$AD_ROOT/dev/pts"
		mount -t proc proc "$AD_ROOT/proc"
		status=0
		chroot "$AD_ROOT" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			${http_proxy:+http_proxy="$http_proxy"} \
			${https_proxy:+https_proxy="$https_proxy"} \
			${no_proxy:+no_proxy="$no_proxy"} \
			sh -c "cd /usr/src/anomaly && exec \"\$@\"" sh "$@" || status=$?
		for process in "$AD_ROOT"/proc/[0-9]*; do
			[ "${process##*/}" = 1 ] ||
				tr "\0" " " 2>/dev/null <"$process/cmdline" | grep . || true
		done >"$AD_ROOT.left"
		exit "$status"' bash "$@"
}
