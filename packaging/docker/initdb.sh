#!/bin/bash
#
# Run once by the entrypoint of the PostgreSQL image, as its superuser, when the
# data directory is new. Creates the extensions in POSTGRES_DB; with
# EXPORTER_PASSWORD also the role "exporter", which may read statistics.

set -euo pipefail
unset PGHOST PGHOSTADDR
export PGUSER=$POSTGRES_USER PGDATABASE=$POSTGRES_DB

sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

# pg_cron takes its jobs from one database, which it is told when the server
# starts. Its jobs run in background workers: those need no password.
quoted=${POSTGRES_DB//\'/\'\'}
cat >>"$PGDATA/postgresql.conf" <<END
cron.database_name = '$quoted'
cron.use_background_workers = on
END
pg_ctl -D "$PGDATA" -w restart >/dev/null

sql -c 'CREATE EXTENSION anomaly'
# not if the server was told to preload other libraries
case $(sql -At -c 'SHOW shared_preload_libraries') in
	*pg_cron*) sql -c 'CREATE EXTENSION pg_cron' ;;
esac
[ -z "${EXPORTER_PASSWORD:-}" ] ||
	sql -v password="$EXPORTER_PASSWORD" <<<"CREATE ROLE exporter LOGIN PASSWORD :'password' IN ROLE pg_monitor"
