#!/bin/bash
#
# Shows the extension at work on real data: installs the packages that are
# missing (setup.sh), builds and installs the extension into a private
# PostgreSQL, runs demo.sql there and removes it again. The last lines say what
# stays.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=$("$ad_root/test/setup.sh" demo | tr '\n' ' ')

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[36m') plain=$(printf '\033[0m')
fi

# Creates a table for a CSV file of test/data and loads it. Columns are
# double precision, or text where the file holds words; label is an integer.
load() {
	local name=$1 type=$2 file=$ad_root/test/data/$1.csv.gz header features

	header=$(gzip -dc "$file" | sed -n 1p)
	features=${header%,label}
	ad_psql -q -c "CREATE TABLE $name (id integer GENERATED ALWAYS AS IDENTITY,
		${features//,/ $type, } $type, label integer)"
	gzip -dc "$file" | ad_psql -q \
		-c "\\copy $name ($header) FROM STDIN WITH (FORMAT csv, HEADER)"
}

ad_make_work
ad_say "Building and starting a private server ..."
ad_build with_llvm=no
ad_install with_llvm=no
ad_start_server "shared_buffers = '256MB'" "shared_preload_libraries = 'anomaly'"

ad_psql -q -c 'CREATE EXTENSION anomaly'
for file in "$ad_root"/test/data/*.csv.gz; do
	name=$(basename "$file" .csv.gz)
	case $name in
		soybean) load "$name" text ;;
		*) load "$name" 'double precision' ;;
	esac
done
ad_psql -q -c 'CREATE TABLE taxi (ts timestamp, passengers double precision, label integer)'
gzip -dc "$ad_root/test/data/series/nab_nyc_taxi.csv.gz" |
	ad_psql -q -c '\copy taxi FROM STDIN WITH (FORMAT csv, HEADER)'
ad_psql -q -c 'VACUUM ANALYZE'

export DEMO_PSQL=$ad_bindir/psql
ad_psql -q -v bold="$bold" -v dim="$dim" -v plain="$plain" \
	-v processors="$(nproc)" -f "$ad_root/test/demo.sql"
echo
if [ -n "$packages" ]; then
	echo "The server and its directory are removed again. The packages installed for it"
	echo "stay, with no service enabled. Who does not want them says, as root:"
	echo "apt-get purge --autoremove ${packages% }"
else
	echo "The server and its directory are removed again. Nothing else was touched."
fi
