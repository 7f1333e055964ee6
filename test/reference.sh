#!/bin/bash
#
# Writes docs/reference.md from the catalog of a private server ("make docs").

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$ad_root/test/setup.sh" demo >/dev/null
ad_make_work
ad_build with_llvm=no
ad_install with_llvm=no
# some settings have another context without
ad_start_server "shared_preload_libraries = 'anomaly'"
ad_psql -q -c 'CREATE EXTENSION anomaly'
PATH=$ad_bindir:$PATH "$ad_root/test/reference.pl" >"$ad_work/reference.md"
cp "$ad_work/reference.md" "$ad_root/docs/reference.md"
ad_say "docs/reference.md: $(grep -c '^### ' "$ad_root/docs/reference.md") entries"
