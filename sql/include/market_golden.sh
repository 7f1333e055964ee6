#!/bin/sh
# Unpacks the golden files of a set of events for sql/market_golden.sql, every
# row with the same number of columns: the set, what the file is of, and the
# file's columns.
#
#	market_golden.sh DIRECTORY/SET events|sequences|wash
set -eu

set=${1##*/}
case $2 in
	events) names="$1.events.csv.gz" columns=10 ;;
	sequences) names=$(ls "$1".*.csv.gz | grep -v -e events -e wash) columns=38 ;;
	wash) names=$(ls "$1".*wash.csv.gz) columns=9 ;;
esac
for name in $names
do
	golden=${name#"$1".}
	gzip -dc "$name" | tr -d '\r' |
		awk -F, -v OFS=, -v first="$set,${golden%.csv.gz}" -v n="$columns" \
			'NR > 1 { $n = $n; print first, $0 }'
done
