#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# capacity: a machine of 1 TiB is dumped within 8 MiB of memory when told so, by one worker or
# eight, and within 44 MiB otherwise, with the same pages every time; and the pages of a
# smaller one of the same make are makedumpfile's.

# shellcheck disable=SC2317 # functions are called by check()

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
# In memory: on a disk the kernel would read megabytes of nothing ahead of each of the few pages.
work=$(mktemp -d -p /dev/shm) || exit 1
trap 'rm -rf "$work"' EXIT

n=0
failed=0

# check NAME COMMAND...: one test.
check()
{
	local name=$1
	shift
	n=$((n + 1))
	if "$@" > "$work/said" 2>&1; then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		sed 's/^/# /' "$work/said" | tail -n 20
	fi
}

# machine CORE SIZE FREE KEPT
machine()
{
	tests/bench/machine "$2" "$3" "$4" > "$work/text" &&
		"$out/tests/tools/mkkernel" "$work/text" "$1"
}

# dump KIB CORE DUMP OPTION...: with a peak of at most KIB.
dump()
{
	local kib=$1 core=$2 dump=$3 peak
	shift 3
	"$out/lifeboat-collect" -l -d 31 "$@" "$core" "$dump" > "$work/log" 2>&1
	cat "$work/log"
	peak=$(sed -n 's/.*peak memory \([0-9]*\) KiB.*/\1/p' "$work/log")
	[[ -n $peak ]] && ((peak <= kib))
}

# grepped WORDS COMMAND...: the command works, and says WORDS.
grepped()
{
	local words=$1
	shift
	"$@" > "$work/heard" 2>&1 || {
		cat "$work/heard"
		return 1
	}
	cat "$work/heard"
	grep -q "$words" "$work/heard"
}

theirs()
{
	makedumpfile -l -d 31 "$work/small" "$work/theirs" &&
		"$out/tests/oracle/kdumpcmp" "$work/ours" "$work/theirs"
}

check 'a machine of 1 TiB' machine "$work/core" 1T 95 1
check '8 MiB with one worker' grepped 'made anew by the block.*1 worker' \
	dump 8192 "$work/core" "$work/one" --memory 8M --threads 1
check '8 MiB with eight workers' grepped 'made anew by the block.*8 workers' \
	dump 8192 "$work/core" "$work/eight" --memory 8M --threads 8
check '44 MiB by default' grepped 'bitmap 32768 KiB, 2 workers' \
	dump 45056 "$work/core" "$work/default" --threads 2
check 'one worker and eight: the same pages' "$out/tests/oracle/kdumpcmp" "$work/one" "$work/eight"
check 'short of memory and not: the same pages' \
	"$out/tests/oracle/kdumpcmp" "$work/one" "$work/default"
check 'the mini-core within 8 MiB' dump 8192 "$work/core" "$work/mini-8" --mini --memory 8M
check 'the mini-core within 44 MiB' dump 45056 "$work/core" "$work/mini-44" --mini --threads 2
check 'they have the same pages' "$out/tests/oracle/kdumpcmp" "$work/mini-8" "$work/mini-44"
rm -f "$work/one" "$work/eight" "$work/default" "$work"/mini-* "$work/core"

check 'a machine of 4 GiB' machine "$work/small" 4G 50 64
check '12 MiB at 4 GiB with two workers' grepped 'bitmap 128 KiB, 2 workers, blocks of 256' \
	dump 12288 "$work/small" "$work/ours" --threads 2
check 'makedumpfile has the same pages' theirs
check 'within 5 MiB too' grepped 'blocks of 32 pages' \
	dump 5120 "$work/small" "$work/little" --memory 5M --threads 1
check 'and they are the same' "$out/tests/oracle/kdumpcmp" "$work/little" "$work/ours"
echo "1..$n"
exit "$failed"
