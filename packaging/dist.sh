#!/bin/bash
#
# Writes NAME-VERSION.zip, as PGXN takes it, and NAME-VERSION.tar.gz, as RPM and
# Debian do, in the current directory: packaging/dist.sh NAME VERSION FILE ...
#
# In them is what git knows, as it is in the work tree, and the generated files
# named. Without git, in an unpacked archive, it is what is there but for what a
# build leaves. The same files give the same bytes, whoever packs them, where
# and when: the order is by name, the owner is nobody, the date is that of the
# last commit (SOURCE_DATE_EPOCH, if set; META.json's without git).

set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

name=$1 version=$2
shift 2
top=$name-$version
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf '%s\n' "$0: $*" >&2; exit 1; }
for program in zip tar gzip; do
	command -v "$program" >/dev/null || die "$program is missing (Debian: apt-get install $program)"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Belongs to a checkout, not to an archive.
left_out() { grep -zvE '^(\.ci|\.github|\.git)(/|$)' || true; }

if [ -e .git ]; then
	git ls-files -z | left_out >"$work/files"
	date=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
	[ -z "$(git status --porcelain --untracked-files=no)" ] ||
		printf '%s\n' "$0: files differ from the last commit; they are packed as they are" >&2
else
	find . -type f ! -name '*.[od]' ! -name '*.bc' ! -name '*.so' ! -name 'regression.*' ! -name '*.pyc' \
		! -path './results/*' ! -path '*/tmp_check/*' ! -path './log/*' ! -path './sql/anomaly--*' \
		! -path "./$top.*" ! -path './debian/*/*' ! -path './debian/files' ! -path './debian/*.substvars' \
		! -path './debian/*.log' ! -path './debian/debhelper-build-stamp' -print0 |
		sed -z 's,^\./,,' | left_out >"$work/files"
	find debian/tests debian/source -type f -print0 2>/dev/null >>"$work/files" || true
	date=${SOURCE_DATE_EPOCH:-$(stat -c %Y META.json)}
fi
printf '%s\0' "$@" >>"$work/files"
sort -zu -o "$work/files" "$work/files"
[ "$(wc -c <"$work/files")" -gt 1000 ] || die "no files to pack"

# Copies have the modes and dates that an archive keeps; a zip's dates are even.
mkdir "$work/$top"
tar --null -T "$work/files" -cf - | tar -C "$work/$top" -xf - --no-same-owner --no-same-permissions
find "$work/$top" -type f -perm /100 -exec chmod 755 {} +
find "$work/$top" -type f ! -perm /100 -exec chmod 644 {} +
find "$work/$top" -type d -exec chmod 755 {} +
find "$work/$top" -exec touch -h -d "@$((date / 2 * 2))" {} +

cd "$work"
tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner -cf - "$top" | gzip -9n >"$top.tar.gz"
find "$top" -type f | sort | zip -qX9 "$top.zip" -@
mv "$top.tar.gz" "$top.zip" "$here/"
printf '%s\n' "$top.zip" "$top.tar.gz"
