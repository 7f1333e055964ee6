#!/bin/bash
#
# Compares the kernels that walk forests, search draws and train networks on a
# 64-bit ARM with those on this processor, bit for bit: test/aarch64.sh [SEED]
#
# The program test/oracle/walk_kernels.c is built for both, and that for ARM
# runs under qemu-user. It needs no server, only the headers of one
# (PG_CONFIG). What else it needs, Debian calls gcc-aarch64-linux-gnu,
# libc6-dev-arm64-cross and qemu-user; where they are missing, it says so and
# ends with 77. "make test" does not run it.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seed=${1:-$RANDOM}
cross=aarch64-linux-gnu-gcc
qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || qemu=
if ! command -v "$cross" >/dev/null || [ -z "$qemu" ]; then
	ad_say 'skipped: it needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user'
	exit 77
fi
ad_find_pg || ad_die 'there are no server headers; say PG_CONFIG=/path/to/pg_config'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build() {
	"$1" -O3 -std=gnu11 -Wall -Wextra -Werror -ffp-contract=off -o "$2" \
		-I"$ad_root/src" -isystem "$("$PG_CONFIG" --includedir-server)" \
		"$ad_root"/test/oracle/walk_kernels.c \
		"$ad_root"/src/math/simd_{forest,hyper,draws,dense}.c \
		"$ad_root"/src/core/elementary.c -lm
}
build "${CC:-gcc}" "$work/here"
build "$cross" "$work/arm"

here=$("$work/here" "$seed")
arm=$("$qemu" -L /usr/aarch64-linux-gnu "$work/arm" "$seed")
echo "seed $seed"
echo "here: $here"
echo "ARM:  $arm"
[ "$here" = "$arm" ] || ad_die 'they differ'
