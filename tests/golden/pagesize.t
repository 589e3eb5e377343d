#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pagesize: pages of 16 and 64 KiB, of a machine whose page tables cannot be read here: all pages
# are kept, those of zeros as one, and the user is told why. libkdumpfile reads dump and core
# alike. (makedumpfile takes cores of its own machine only.)

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

hash=$out/tests/oracle/kdumpfile_hash
golden_needs lifeboat-collect tests/oracle/kdumpcmp tests/oracle/kdumpfile_hash tests/tools/mkcore
elfcmp=$PWD/tests/oracle/elfcmp
cd "$work" || exit 1

# header FILE FIELD VALUE
header()
{
	"$kdumpcmp" --info "$1" | grep -qE "^$2 +$3( |\$)"
}

# The same pages with the same bytes, as libkdumpfile has it.
read_alike()
{
	"$hash" "$1" > a && "$hash" "$2" > b && diff a b && grep -q ' failed 0 ' a
}

# core NAME SED...: of the description with some changes.
core()
{
	sed -e "s/@PAGE@/$page/" "${@:2}" "$golden/pagesize/arm64.core" > core.txt
	mkcore core.txt "$1"
}

# sharing N DUMP: pages that lie where another one lies.
sharing()
{
	"$kdumpcmp" --check "$2" | grep -q "sharing data $1,"
}

# size PAGES MAX_MAPNR BITMAP_BLOCKS ZEROS: pages of $page bytes.
size()
{
	local level codec
	core core
	for level in 0 1 31; do
		for codec in -l -c -z; do
			run -f $codec -d $level core dump.$level
			ended 0 "pages of $page: $codec -d $level"
			ok 'it is sound' "$kdumpcmp" --check dump.$level
			ok 'each page is that of the core' "$kdumpcmp" --core core dump.$level
			"$hash" dump.$level >> hashes.$page
		done
		ok "block_size is $page" header dump.$level block_size "$page"
		ok 'max_mapnr' header dump.$level max_mapnr "$2"
		ok 'bitmaps' header dump.$level bitmap_blocks "$3"
	done
	ok 'level 31 says why it keeps all but zeros' \
		says 'nothing but zero pages is excluded: no address translation'
	ok 'and how many' says "memory $1 pages, kept $1 \\(zero $4\\)"
	ok 'pages of zeros are all there at level 0' sharing 0 dump.0
	ok 'and one at level 1' sharing $(($4 - 1)) dump.1
	run -f -l -d 31 dump.0 again
	ended 0 'a dump as input'
	ok 'gives the same as the core' "$kdumpcmp" again dump.31
	ok 'libkdumpfile reads all of them, and the same from each' test \
		"$(sort -u hashes.$page | grep -c " pages $1 .* failed 0 ")/$(sort -u hashes.$page | wc -l)" \
		= 1/1
	# Of an ELF core libkdumpfile 0.5 finds a page before each segment, too, and none that is
	# there in part: here no page is of these.
	core near -e 's/=0x84000/=0x90000/' -e 's/0x40\([0-9a-f]\{6\}\)/0x\1/' -e 's/0x800\([0-9a-f]\{5\}\)/0x8\1/'
	for level in 0 31; do
		run -f -l -d $level near dump
		ok 'libkdumpfile reads core and dump alike' read_alike near dump
	done
	run -f -E -d 0 core elf
	ended 0 'an ELF core'
	ok 'has the bytes of the core' "$elfcmp" --within elf core
	run -f -l -d 31 --threads 7 core dump
	ok '7 threads make the same' "$kdumpcmp" dump dump.31
}

page=16384
size 545 131105 4 457
page=65536
size 137 32777 2 112
finish
