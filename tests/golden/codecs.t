#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# codecs: the same pages whatever the number of workers, the same bytes with --ordered, and dumps
# in which codecs mix, as --codec auto makes them for a target that is slow: what makedumpfile,
# the system's and the newest, and libkdumpfile make of those. With LIFEBOAT_VMCORE=FILE the first
# two are tried on that vmcore too.

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1

out=$(realpath "${LIFEBOAT_OUT:-build/out}") || exit 1
collect=$out/lifeboat-collect
kdumpcmp=$out/tests/oracle/kdumpcmp
hash=$out/tests/oracle/kdumpfile_hash
for program in "$collect" "$kdumpcmp" "$hash" "$out/tests/tools/mkkernel"; do
	[[ -x $program ]] || {
		printf 'Bail out! %s is not there: make all test-tools oracle-tools\n' "$program"
		exit 1
	}
done
system=$(PATH=$PATH:/sbin:/usr/sbin command -v makedumpfile) || {
	echo 'Bail out! makedumpfile is not installed: scripts/deps'
	exit 1
}
newest=$(scripts/tool fetch sid/makedumpfile) || {
	echo 'Bail out! the newest makedumpfile is not to be had: scripts/tool'
	exit 1
}
newest=$(realpath "$newest")/bin/makedumpfile
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$out/tests/tools/mkkernel" tests/golden/codecs/mixed.kernel "$work/core" || exit 1
cd "$work" || exit 1

n=0
failed=0
ok()
{
	local text=$1
	shift
	n=$((n + 1))
	if "$@" > ok.txt 2>&1; then
		printf 'ok %d - %s\n' "$n" "$text"
	else
		failed=1
		printf 'not ok %d - %s\n# %s\n' "$n" "$text" "$*"
		sed 's/^/#   /' ok.txt said | head -n 20
	fi
}

# workers CORE OPTION...: with 1, 2 and 8 workers the same pages, and with --ordered the same file.
workers()
{
	local core=$1 t
	shift
	rm -f dump.* ordered.*
	for t in 1 2 8; do
		"$collect" --threads "$t" "$@" "$core" "dump.$t" > said 2>&1 || return 1
		"$collect" --threads "$t" --ordered "$@" "$core" "ordered.$t" > said 2>&1 || return 1
	done
	cmp ordered.1 ordered.2 && cmp ordered.1 ordered.8 || return 1
	for t in dump.1 dump.2 dump.8; do
		case " $* " in
		*' -E '*) cmp ordered.1 "$t" || return 1 ;;
		*) "$kdumpcmp" ordered.1 "$t" || return 1 ;;
		esac
	done
}

for core in core ${LIFEBOAT_VMCORE:+"$LIFEBOAT_VMCORE"}; do
	for options in '' '--codec auto:none' -l -z -c '--codec none' -E '-d 0 -l'; do
		# shellcheck disable=SC2086 # words are wanted
		ok "${core##*/}: $options: 1, 2 and 8 workers" workers "$core" $options
	done
done
rm -f dump.* ordered.*

# To a reader that takes its time. How the blocks fall out is not the same twice, but the first
# ones cannot know yet that it is slow, and the last ones must.
"$collect" -F -d 1 --threads 2 core 2> said | {
	while head -c 65536 > part && [[ -s part ]]; do
		cat part
		sleep 0.01
	done
} > flat
ok 'a slow target: the first blocks are packed with LZO' grep -q 'packed with lzo: ' said
ok 'and the others with zstd' grep -q 'packed with zstd:' said
ok 'makedumpfile puts it together' sh -c "'$system' -R whole < flat"
ok 'the newest one does' sh -c "'$newest' -R whole.new < flat"
ok 'to the same' cmp whole whole.new
ok 'it is sound' "$kdumpcmp" --check whole
ok 'its pages are those of the core' "$kdumpcmp" --core core whole
"$collect" -f -l -d 1 core lzo > said 2>&1
ok 'libkdumpfile reads the same from it as from one of LZO alone' sh -c \
	"'$hash' whole > a && '$hash' lzo > b && cmp a b"
for option in -c -l -z; do
	rm -f again
	ok "the newest makedumpfile filters it again with $option" "$newest" $option -d 1 whole again
	ok 'with the same pages' "$kdumpcmp" whole again
done
# Debian's does not know zstd. What has only LZO in it is for all.
rm -f again
ok "the system's filters one of LZO" "$system" -c -d 1 lzo again
ok 'with the same pages' "$kdumpcmp" lzo again
ok 'ours filters it again' "$collect" -f -c -d 1 whole again
ok 'with the same pages' "$kdumpcmp" whole again

printf '1..%d\n' "$n"
exit "$failed"
