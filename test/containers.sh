#!/bin/bash
#
# Builds the image of the Dockerfile on a machine without Docker, and runs what
# is in it; asks docker compose about compose.yaml. Ends with "N passed, N
# failed".
#
# The official PostgreSQL image cannot be had without a registry. In its place
# stands Debian's PostgreSQL of the same major version in a minimal Debian of
# the same release (chroot.sh), with the image's variables and directories. Its
# entrypoint is played: initdb, the scripts of docker-entrypoint-initdb.d on a
# server that listens nowhere, then the server. What only Docker can show, that
# the published images start, is not tried; test/t/containers.pl runs what they
# are given, with Debian's exporter and Prometheus.
#
# Needs root, Debian's debootstrap and buildah (installed if missing), the
# archive that this machine's apt uses, 8 GB of disk in TMPDIR (/var/tmp), a
# quarter of an hour. ANOMALY_CACHE=folder keeps what can be used again.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/chroot.sh"

base=$(sed -n 's/^ARG POSTGRES=//p' "$ad_root/Dockerfile")
release=${base##*-} major=${base%%.*}
passed=0
failed=0
log=

ok() {
	local what=$1

	shift
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1))
		echo "ok - $what"
	else
		failed=$((failed + 1))
		echo "not ok - $what"
		sed 's/^/    /' "$log" | tail -n 40
	fi
}

# Images are kept in the directory that is removed in the end. What is mounted
# for them goes with the command.
b() {
	ad_apart --mount-proc buildah --root "$ad_machines/images" --runroot "$ad_machines/run" "$@"
}
# Runs a command in a container of the image.
in_image() { b run --isolation chroot "$container" -- "$@"; }

# As the entrypoint of the official image does it, as far as this one needs it.
entrypoint='set -eu
	export PGDATA=/var/lib/postgresql/data POSTGRES_USER=postgres POSTGRES_PASSWORD=p POSTGRES_DB="a '\''name" EXPORTER_PASSWORD="p'\''w"
	initdb -U postgres --auth-host=scram-sha-256 --pwfile=<(echo "$POSTGRES_PASSWORD") >/dev/null
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	pg_ctl -D "$PGDATA" -w -o "-c listen_addresses= -c max_connections=50" -l /tmp/log start >/dev/null
	psql -XAtq -c "CREATE DATABASE \"$POSTGRES_DB\""
	for script in /docker-entrypoint-initdb.d/*; do "$script"; done
	pg_isready -q -h 127.0.0.1 && { echo "healthy while it is set up"; exit 1; }
	pg_ctl -D "$PGDATA" -w -m fast stop >/dev/null
	pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=127.0.0.1" -l /tmp/log start >/dev/null
	trap "pg_ctl -D $PGDATA -m immediate stop >/dev/null" EXIT
	export PGDATABASE=$POSTGRES_DB'

ad_machines_begin
log=$ad_machines/log
if ! command -v buildah >/dev/null; then
	ad_say "Installing buildah, which stays ..."
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install buildah >/dev/null </dev/null
fi
if ! ad_base "$release"; then
	echo "0 passed, 1 failed"
	exit 1
fi

echo "== compose.yaml"
ad_machine compose "$release"
ok 'docker-compose is installed' ad_run compose sh -c 'apt-get -qq update &&
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install docker-compose'
ok 'docker compose takes compose.yaml' ad_run compose docker-compose config
ok '... whose ports are those of the loopback' eval '[ "$(grep -c "host_ip: 127.0.0.1" "'"$log"'")" = "$(grep -c "published:" "'"$log"'")" ]'
ok '... and names no file that is not there' eval \
	'ad_run compose docker-compose config --format json | grep -o "\"source\": *\"/[^\"]*\"" | cut -d\" -f4 | while read -r file; do ls "$ad_machines/compose$file" || exit; done'
ad_machine_end compose "$release"

echo "== the Dockerfile, on a stand-in for postgres:$base"
ad_machine base "$release"
ok "postgresql-$major is installed" ad_run base sh -c "apt-get -qq update && mkdir -p /etc/postgresql-common/createcluster.d &&
	echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/none.conf &&
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install postgresql-$major &&
	mkdir -p /docker-entrypoint-initdb.d /var/lib/postgresql/data /var/run/postgresql && rm -rf /usr/src/anomaly &&
	chown -R postgres /var/lib/postgresql /var/run/postgresql"
container=$(b from scratch)
tar -C "$ad_machines/base" -cf "$ad_machines/base.tar" --exclude='./var/cache/apt/archives/*.deb' .
b add -q "$container" "$ad_machines/base.tar" / >/dev/null
rm "$ad_machines/base.tar"
b config --env "PG_MAJOR=$major" --env "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/$major/bin" \
	--env PGDATA=/var/lib/postgresql/data --env LANG=C.UTF-8 "$container"
b commit -q --rm "$container" "docker.io/library/postgres:$base" >/dev/null
ad_machine_end base "$release"

ad_copy_checkout "$ad_machines/context"
ok 'the image is built' b bud -q --isolation chroot --pull-never --format docker -t anomaly "$ad_machines/context"
container=$(b from --pull-never anomaly)
ok '... without a compiler in it' in_image sh -c '! command -v gcc && ! command -v make && ! ls /usr/src/anomaly'
ok '... nor lists of packages' in_image sh -c '[ -z "$(ls /var/lib/apt/lists)" ]'
ok '... has a health check' eval 'b inspect --format "{{.Docker.Config.Healthcheck}}" anomaly | grep pg_isready'
health=$(sed -n 's/^\tCMD \(pg_isready .*\)/\1/p' "$ad_root/Dockerfile")
ok 'a new data directory has both extensions, the health check is true' in_image runuser -u postgres -- bash -c "$entrypoint
	$health
	[ \"\$(psql -XAtc \"SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension\")\" = 'anomaly pg_cron plpgsql' ]
	[ \"\$(psql -XAtc 'SHOW shared_preload_libraries')\" = anomaly,pg_cron ]
	psql -XAtc \"SELECT cron.schedule('1 second', 'SELECT 1')\" >/dev/null
	for i in \$(seq 300); do
		[ \"\$(psql -XAtc \"SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded'\")\" != t ] || break
		sleep 0.1
	done
	psql -XAtc 'SELECT status, return_message FROM cron.job_run_details LIMIT 1' | grep succeeded"
ok 'the exporter may read, with its password' in_image runuser -u postgres -- bash -c "rm -rf /var/lib/postgresql/data/*; $entrypoint
	export PGPASSWORD=\$EXPORTER_PASSWORD
	psql -XAt -h 127.0.0.1 -U exporter -c 'SELECT count(*) FROM ad_stat_models' -c 'SELECT count(*) > 0 FROM ad_health()'
	! PGPASSWORD=x psql -XAt -h 127.0.0.1 -U exporter -c 'SELECT 1'"
ok 'what is preloaded can be said otherwise' in_image runuser -u postgres -- bash -c "rm -rf /var/lib/postgresql/data/*
	${entrypoint//max_connections=50/shared_preload_libraries=anomaly}
	[ \"\$(psql -XAtc \"SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension\")\" = 'anomaly plpgsql' ]"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
