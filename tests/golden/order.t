#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# order: page data stands in the file by falling worth (docs/dump-format.md), for every codec and
# format that has descriptors, and with any number of threads the dump is the same.

# What ok calls is not seen to be called.
# shellcheck disable=SC2317
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1

out=${LIFEBOAT_OUT:-build/out}
collect=$out/lifeboat-collect
kdumpcmp=$out/tests/oracle/kdumpcmp
for program in "$collect" "$out/tests/tools/mkkernel" "$kdumpcmp"; do
	[[ -x $program ]] || {
		echo "Bail out! $program is not there: make all test-tools oracle-tools"
		exit 1
	}
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$out/tests/tools/mkkernel" tests/golden/order/worth.kernel "$work/core" || exit 1

# Pages of worth.kernel by falling worth: what is kept at level 31, and what more at level 0.
readonly ALWAYS='log: 0x300 0x303
writable image: 0x1010 0x1100 0x11ff
set aside at boot: 0x360 0x368
areas: 0x600 0x603 0x640 0x641 0x680 0x682
read-only image: 0x1000 0x1004 0x1009 0x100b 0x100e 0x100f
slab of tasks: 0x800 0x807
slab of kmalloc: 0x820 0x821
types and symbols: 0x1005 0x1008 0x100c 0x100d
other slab: 0x810 0x813
struct pages: 0x1200 0x129f
other pages of the kernel: 0x100 0x1ff 0x230 0x304 0x35f 0x604 0x808 0x1400 0x1c33 0x27ff'
readonly MORE='user and cache: 0x200 0x20f 0x220 0x22f 0xa00 0xbff
free: 0x381 0x400 0x4ff'

offset_of()
{
	"$kdumpcmp" --pfn "$2" "$1" | sed -n 's/^pfn .* offset \([0-9]*\) .*/\1/p'
}

# ascending DUMP CLASSES: all data of a class stands before all of the next.
ascending()
{
	local dump=$1 name pages pfn at last=0 most=0 before=nothing
	while IFS=: read -r name pages; do
		for pfn in $pages; do
			at=$(offset_of "$dump" "$pfn")
			if [[ -z $at || $at -le $last ]]; then
				echo "$name, page $pfn: at ${at:-no place}, $before ends at $last"
				return 1
			fi
			[[ $at -le $most ]] || most=$at
		done
		last=$most
		before=$name
	done <<< "$2"
}

n=0
failed=0
ok()
{
	local text=$1
	shift
	n=$((n + 1))
	if "$@" > "$work/said" 2>&1; then
		echo "ok $n - $text"
	else
		failed=1
		echo "not ok $n - $text"
		sed 's/^/# /' "$work/said" | tail -n 20
	fi
}

# One thread, so that blocks are finished in their order; no level that makes pages of zeros one.
dump()
{
	rm -f "$work/dump"
	"$collect" --num-threads 1 "$@" "$work/core" "$work/dump"
}

for codec in none lzo; do
	ok "$codec: level 30 is written" dump --codec "$codec" -d 30
	ok "$codec: pages stand by falling worth" ascending "$work/dump" "$ALWAYS"
	ok "$codec: level 0 is written" dump --codec "$codec" -d 0
	ok "$codec: user pages and free ones stand last" ascending "$work/dump" "$ALWAYS
$MORE"
done
ok 'flattened: level 30 is written' dump -d 30 --format flattened
ok 'flattened: it is put together' "$collect" -R "$work/whole" < "$work/dump"
ok 'flattened: pages stand by falling worth' ascending "$work/whole" "$ALWAYS"

# A dump of which only the first part is there has the log, the image and the tasks.
cut_is_sound()
{
	local pfn
	tests/oracle/kdumpcut 10 "$work/dump" "$work/cut" &&
		"$kdumpcmp" --check --holes "$work/cut" || return 1
	for pfn in 0x300 0x1010 0x360 0x600 0x1000 0x800; do
		cmp <("$kdumpcmp" --pfn "$pfn" "$work/dump") <("$kdumpcmp" --pfn "$pfn" "$work/cut") ||
			return 1
	done
	! "$kdumpcmp" --pfn 0x27ff "$work/cut"
}
ok 'level 30 is written' dump --codec none -d 30
ok 'cut at 10 % it has what is worth most' cut_is_sound

# The mini-core has the first classes, and no page of any other.
mini_is_sound()
{
	local name pages pfn wanted=0
	"$kdumpcmp" --check --holes "$work/mini" && "$kdumpcmp" --core "$work/core" "$work/mini" ||
		return 1
	while IFS=: read -r name pages; do
		[[ $name != 'slab of kmalloc' ]] || wanted=1
		for pfn in $pages; do
			"$kdumpcmp" --pfn "$pfn" "$work/mini" > "$work/page"
			[[ $? = "$wanted" ]] || {
				echo "$name, page $pfn: wanted $wanted"
				cat "$work/page"
				return 1
			}
		done
	done <<< "$ALWAYS
$MORE"
}
ok 'the mini-core is written' "$collect" --mini "$work/core" "$work/mini"
ok 'it has the first classes and nothing else' mini_is_sound

same_with()
{
	rm -f "$work/more"
	"$collect" --num-threads "$1" -d 30 "$work/core" "$work/more" &&
		"$kdumpcmp" "$work/dump" "$work/more"
}
for threads in 2 8; do
	ok "$threads threads: the same pages" same_with "$threads"
done
echo "1..$n"
exit "$failed"
