#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pages: the dump of each small kernel of tests/golden/pages (language: tests/lib/mkkernel.h) at
# nine levels, against makedumpfile's dump of the same core: both bitmaps, headers, notes and the
# bytes of every page. Only kernels that the makedumpfile of Debian 12 understands.

set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1

out=${LIFEBOAT_OUT:-build/out}
for program in lifeboat-collect tests/tools/mkkernel tests/oracle/kdumpcmp; do
	[[ -x $out/$program ]] || {
		echo "Bail out! $out/$program is not there: make all test-tools oracle-tools"
		exit 1
	}
done
command -v makedumpfile > /dev/null || {
	echo "Bail out! makedumpfile is not installed: scripts/deps"
	exit 1
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# same CORE LEVEL
same()
{
	rm -f "$work/ours" "$work/theirs"
	"$out/lifeboat-collect" -l -d "$2" "$1" "$work/ours" &&
		makedumpfile -l -d "$2" "$1" "$work/theirs" &&
		"$out/tests/oracle/kdumpcmp" "$work/ours" "$work/theirs" &&
		"$out/tests/oracle/kdumpcmp" --core "$1" "$work/ours" &&
		"$out/tests/oracle/kdumpcmp" --check "$work/ours"
}

n=0
failed=0
for kernel in tests/golden/pages/*.kernel; do
	name=${kernel##*/}
	"$out/tests/tools/mkkernel" "$kernel" "$work/core" || exit 1
	for level in 0 1 2 4 8 16 17 30 31; do
		n=$((n + 1))
		if same "$work/core" "$level" > "$work/said" 2>&1; then
			echo "ok $n - ${name%.kernel}: level $level as makedumpfile has it"
		else
			failed=1
			echo "not ok $n - ${name%.kernel}: level $level as makedumpfile has it"
			sed 's/^/# /' "$work/said" | tail -n 20
		fi
	done
done
echo "1..$n"
exit "$failed"
