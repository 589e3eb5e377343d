#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pages: the dump of each small kernel of tests/golden/pages (language: tests/lib/mkkernel.h) at
# nine levels, against makedumpfile's dump of the same core: both bitmaps, headers, notes and the
# bytes of every page. Only kernels that the makedumpfile of Debian 12 understands.

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

golden_needs lifeboat-collect tests/tools/mkkernel tests/oracle/kdumpcmp
golden_makedumpfile

# same CORE LEVEL
same()
{
	rm -f "$work/ours" "$work/theirs"
	"$collect" -l -d "$2" "$1" "$work/ours" &&
		"$makedumpfile" -l -d "$2" "$1" "$work/theirs" &&
		"$kdumpcmp" "$work/ours" "$work/theirs" &&
		"$kdumpcmp" --core "$1" "$work/ours" &&
		"$kdumpcmp" --check "$work/ours"
}

for kernel in "$golden"/pages/*.kernel; do
	name=${kernel##*/}
	mkkernel "$kernel" "$work/core"
	for level in 0 1 2 4 8 16 17 30 31; do
		check "${name%.kernel}: level $level as makedumpfile has it" \
			same "$work/core" "$level"
	done
done
finish
