#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# refilter: a real vmcore, filtered, split, flattened and cut short by makedumpfile, as our
# input: what we make of that must equal what we and makedumpfile make of the vmcore itself. And
# the other way round: makedumpfile takes what we wrote. All codecs and formats are in formats.t.
#
#   tests/vm/refilter.t [VMCORE]    (default: the one in build/vmcores)

# The cases are called by their names, or as words of eval.
# shellcheck disable=SC2016,SC2317
set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

collect=$LIFEBOAT_OUT/lifeboat-collect
kdumpcmp=$vm_oracle/kdumpcmp
makedumpfile=$(PATH=$PATH:/sbin:/usr/sbin command -v makedumpfile) || bail 'makedumpfile is there'
[[ $# -gt 0 ]] || vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
vm_any_vmcore "$@" || bail 'there is a raw copy of /proc/vmcore'
vmcore=$vm_vmcore
cd "$vm_dir" || exit 1
trap 'umount small 2> /dev/null; rm -rf "$vm_dir"/*' EXIT

theirs()
{
	"$makedumpfile" --message-level 4 -f "$@"
}

# becomes DUMP OPTION... INPUT...: equal to DUMP in every header field, bit and byte.
becomes()
{
	local dump=$1
	shift
	"$collect" -f --message-level 4 "$@" result && "$kdumpcmp" "$dump" result
}

check 'makedumpfile filters the vmcore' theirs -l -d 31 "$vmcore" md31
check 'so do we, the same' becomes md31 -d 31 "$vmcore"

check 'its level 1' theirs -l -d 1 "$vmcore" md1
check 'our level 1' "$collect" -f --message-level 4 -z -d 1 "$vmcore" our1
check 'our level 1 is its level 1' "$kdumpcmp" md1 our1
check 'our level 1 with zstd, then level 31' becomes md31 -d 31 our1
rm -f our1
for level in 2 16; do
	check "its level $level" theirs -l -d "$level" "$vmcore" "md$level"
	check "level $level, then level 31" becomes md31 -d 31 "md$level"
	check "it makes level 17 of level $level" theirs -l -d 17 "md$level" theirs
	check "level $level, then level 17: of both" becomes theirs -d 17 "md$level"
	rm -f "md$level"
done
check 'level 31, then level 1: it stays level 31' becomes md31 -d 1 md31
check 'makedumpfile filters our level 0' eval \
	'"$collect" -l -f --message-level 4 -d 0 "$vmcore" our0 && theirs -l -d 31 our0 theirs &&
	"$kdumpcmp" md31 theirs'
rm -f our0 md1

# Flattened.
check 'makedumpfile flattens' eval '"$makedumpfile" -F -l -d 31 "$vmcore" > flat 2> said'
check 'flattened, read where it is' becomes md31 -d 31 flat
check '-R gives what makedumpfile -R gives' eval \
	'rm -f ours; "$collect" -R ours < flat && "$makedumpfile" -R theirs -f < flat && cmp ours theirs'
# An ELF core really drops pages of zeros. But for them, it is the dump of the vmcore; makedumpfile
# keeps more: tails of free blocks whose heads were dropped.
only_zeros_missing()
{
	local zeros
	zeros=$("$kdumpcmp" --check md31 | sed -n 's/.*sharing data \([0-9]*\),.*/\1/p')
	"$kdumpcmp" --limit 100000 md31 result > differences
	tail -n 2 differences
	! grep 'bitmap2: 0, 1' differences && grep 'bitmap1 0,.*content 0,' differences &&
		[[ $(grep -c 'bitmap2: 1, 0' differences) -le $((zeros + 1)) ]]
}
check 'makedumpfile makes ELF cores' eval '"$makedumpfile" -F -E -d 1 "$vmcore" > flat 2> said &&
	theirs -E -d 1 "$vmcore" elf'
check 'a filtered ELF core, then level 31' eval '"$collect" -f --message-level 4 -d 31 elf result &&
	only_zeros_missing'
check 'flattened it is the same' eval 'mv result direct && becomes direct -d 31 flat'
rm -f flat elf ours

# Split.
check 'makedumpfile splits' theirs --split -l -d 31 "$vmcore" p1 p2 p3
check 'the parts as input' becomes md31 -d 31 p3 p1 p2
check 'the parts put together' becomes md31 --reassemble p1 p2 p3
# makedumpfile cuts between blocks of 1 GiB: a part of a small dump may have nothing, or everything.
each_alone()
{
	local part
	for part in p1 p2 p3; do
		rm -f result result-incomplete
		"$collect" -f -d 31 "$part" result 2> said
		case $? in
		0) "$kdumpcmp" md31 result || return 1 ;;
		1) grep 'there is no memory' said && [[ ! -e result ]] || return 1 ;;
		3) "$kdumpcmp" --check --holes result-incomplete && [[ ! -e result ]] || return 1 ;;
		*) return 1 ;;
		esac
	done
}
check 'a part alone is what it has, and no more' each_alone

# Out of space in the middle, whatever this machine's dump takes.
mkdir small
check 'a small file system' mount -t tmpfs -o "size=$(($(stat -c %s md31) / 2))" none small
check 'makedumpfile runs out of space' eval '! theirs -l -d 31 "$vmcore" small/dump'
check 'what it saved is saved again, and not called complete' eval '
	rm -f result; "$collect" -f -d 31 small/dump result; test $? = 3 && test ! -e result &&
	"$kdumpcmp" --check --holes result-incomplete'
saved()
{
	"$kdumpcmp" --check --holes "$1" | sed -n 's/^pages \([0-9]*\) .*/\1/p'
}
check 'all of it' eval 'test "$(saved small/dump)" -gt 1000 &&
	test "$(saved small/dump)" = "$(saved result-incomplete)"'
check 'with the bytes of the vmcore' "$kdumpcmp" --lost-ok --core "$vmcore" result-incomplete

finish
