# PostgreSQL with the extension anomaly and pg_cron, of the official image:
#
#   docker build -t anomaly .
#   docker run --rm -e POSTGRES_PASSWORD=... -p 127.0.0.1:5432:5432 anomaly
#
# It is used as the official image is. A new data directory preloads both
# extensions and has them in the database POSTGRES_DB, and a role for monitoring
# if EXPORTER_PASSWORD is set. compose.yaml starts it with Prometheus and
# Grafana. See docs/packages.md. Another version of PostgreSQL, 13 to 18, of
# another Debian:
#
#   docker build --build-arg POSTGRES=18-trixie -t anomaly:18 .

ARG POSTGRES=17.12-trixie

FROM postgres:${POSTGRES} AS build
RUN apt-get update \
	&& apt-get install -y --no-install-recommends \
		make gcc libc6-dev liblapack-dev "postgresql-server-dev-${PG_MAJOR}"
WORKDIR /usr/src/anomaly
COPY Makefile anomaly.control ./
COPY src src
COPY sql sql
RUN make -j"$(nproc)" PG_CONFIG="/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config" \
	&& make install DESTDIR=/install PG_CONFIG="/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config"

FROM postgres:${POSTGRES}
RUN apt-get update \
	&& apt-get install -y --no-install-recommends \
		liblapack3 "postgresql-${PG_MAJOR}-cron" \
	&& rm -rf /var/lib/apt/lists/*
COPY --from=build /install /
COPY packaging/docker/initdb.sh /docker-entrypoint-initdb.d/50-anomaly.sh
COPY LICENSE /usr/share/doc/anomaly/LICENSE
# initdb begins with this file; a "docker run anomaly -c ..." leaves it alone.
RUN echo "shared_preload_libraries = 'anomaly,pg_cron'" \
	>>"/usr/share/postgresql/${PG_MAJOR}/postgresql.conf.sample"

# The server that runs the script above does not listen there.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=5 \
	CMD pg_isready -q -h 127.0.0.1 -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}"
