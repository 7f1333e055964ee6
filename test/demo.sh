#!/bin/bash
#
# Shows in a minute what the extension is for: installs the packages that are
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

ad_make_work
ad_say "Building and starting a private server ..."
ad_build with_llvm=no
ad_install with_llvm=no
ad_start_server "shared_buffers = '256MB'" "shared_preload_libraries = 'anomaly'"

export DEMO_PICTURE=$ad_work/taxi.svg DEMO_DRAWN=$ad_root/docs/img/series_nyc_taxi.svg
ad_psql -q -v bold="$bold" -v dim="$dim" -v plain="$plain" -v picture="$DEMO_PICTURE" \
	-v data="$ad_root/test/data" -v processors="$(nproc)" -f "$ad_root/test/demo.sql"
echo
if [ -n "$packages" ]; then
	echo "The server and its directory are removed again. The packages installed for it"
	echo "stay, with no service enabled. Who does not want them says, as root:"
	echo "apt-get purge --autoremove ${packages% }"
else
	echo "The server and its directory are removed again. Nothing else was touched."
fi
