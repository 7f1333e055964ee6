#!/bin/bash
#
# Makes the data sets of this directory again, byte for byte, from the Debian
# packages that carry them (README.md), and compares their checksums.
#
#   apt-get install r-base-core r-cran-mlbench python3-sklearn
#   test/data/make.sh
#
# The compressed bytes depend on gzip itself: Debian 12's is 1.12.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

rm -f ./*.csv ./*.csv.gz
Rscript --vanilla make.R
/usr/bin/python3 make.py
gzip -9n ./*.csv

sed -nE 's/^ +([0-9a-f]{64}  [a-z_]+\.csv\.gz)$/\1/p' README.md | sha256sum -c
