#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# savecore: a dump is taken from a raw device, byte for byte, once; what is not one is left alone. A
# file stands for the device.

# shellcheck disable=SC2154,SC2317 # out, golden, work: golden/lib.sh; functions are called by check()
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

golden_needs lifeboat lifeboat-collect tests/tools/mkkernel
cd "$work" || exit 1
mkkernel "$golden/formats/plain.kernel" core
run -d 31 core dump
ended 0 'a dump to be found on the device'
: > lifeboat.conf

savecore()
{
	"$out/lifeboat" --config lifeboat.conf savecore "$@" > said 2>&1
	code=$?
}

# What was on the device before does not end with the dump.
device()
{
	head -c 8M /dev/zero | tr '\0' '\252' > device
	dd if="$1" of=device conv=notrunc status=none
}

# The only crash directory in saved.
saved()
{
	set -- saved/127.0.0.1-*
	[[ $# = 1 && -d $1 ]] && printf '%s\n' "$1"
}

taken()
{
	[[ $(head -c 8 device) = KDUMPOUT ]]
}

# Fields of the manifest's digests, and those of the file.
digests()
{
	local bytes
	bytes=$(sed -n 's/.*"index_bytes": \([0-9]*\),/\1/p' "$1/manifest.json")
	[[ $(head -c "$bytes" "$1/vmcore" | xxh64sum | cut -d' ' -f1) = \
	$(sed -n 's/.*"index": "\(.*\)",/\1/p' "$1/manifest.json") ]] || return 1
	[[ $(tail -c +$((bytes + 1)) "$1/vmcore" | xxh64sum | cut -d' ' -f1) = \
	$(sed -n 's/.*"data": "\(.*\)"/\1/p' "$1/manifest.json") ]]
}

device dump
savecore --keep device saved
ended 0 'a copy that leaves the device as it is'
check 'the copy is the dump, byte for byte' cmp dump "$(saved)/vmcore"
check_is 'only root can read it' 600 "$(stat -c %a "$(saved)/vmcore")"
check_is 'nor look into its directory' 700 "$(stat -c %a "$(saved)")"
check 'its digests are those of the manifest' digests "$(saved)"
check_fails 'the dump is still on the device' 1 taken
rm -r saved

savecore device saved
ended 0 'a dump that is taken'
check 'it is the dump, too' cmp dump "$(saved)/vmcore"
check 'the device says so' taken
savecore device saved
ended 0 'once more'
check 'there is nothing to do' says '^nothing to do: device: the dump that was there has been taken'
check 'and nothing was done' saved

# The configuration names both.
device dump
rm -r saved
printf 'raw /dev/nowhere\npath %s/saved\n' "$work" > lifeboat.conf
savecore
ended 1 'a device that is not there'
check 'it is named' says '/dev/nowhere: there is no such device'
savecore device
ended 0 'the directory of the configuration'
check 'it is there' cmp dump "$(saved)/vmcore"
rm -r saved

# The writer did not get to its end: bit 3 of the status.
cp dump cut
printf '\11' | dd of=cut bs=1 seek=424 conv=notrunc status=none
device cut
savecore device saved
ended 3 'an incomplete dump'
check 'its name says so' test -s "$(saved)/vmcore-incomplete"
check 'and no other' gone "$(saved)/vmcore"
check 'and the manifest' grep -q '"status": "incomplete"' "$(saved)/manifest.json"
check 'it is taken all the same' taken
rm -r saved

# What is no dump, or lies about itself, costs nothing.
head -c 1M /dev/zero > device
savecore device saved
ended 0 'a device with nothing on it'
check 'it says so' says 'there is no dump'
head -c 100 dump > device
savecore device saved
ended 0 'a device shorter than a header'
head -c 20000 dump > device
savecore device saved
ended 1 'a device that ends within the index'
check 'it says where' says 'ends (within its|before their)|the device ends'
cp dump lie
printf '\377\377\377\377' | dd of=lie bs=1 seek=436 conv=notrunc status=none
device lie
savecore device saved
ended 1 'bitmaps of 2^32 blocks'
check 'it says so' says 'bitmaps of 4294967295'
check_fails 'and the device is left alone' 1 taken
check 'nothing was left in the directory' gone saved/*
savecore --all device saved
ended 2 'an option that is none'

finish
