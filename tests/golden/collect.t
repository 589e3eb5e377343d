#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# collect: lifeboat-collect by its command line, on cores made from text: what goes into the
# dump, what goes wrong, and with which exit code. tests/vm/faults.t has the same in a real
# crash.

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

tamper=$out/tests/vm/guest/tamper
golden_needs lifeboat-collect tests/oracle/kdumpcmp tests/vm/guest/tamper tests/tools/mkcore \
	tests/tools/mkkernel
golden=$golden/collect
mkcore "$golden/machine.core" "$work/core"
cd "$work" || exit 1

# What was said that is neither news nor a warning is one line that matches $1.
one_error()
{
	sed 's/^lifeboat-collect: //' said | tr '\r' '\n' | grep -avE -e '^warning: ' -e '^ *[0-9]+ %, ' \
		-e '^(planning|saving [0-9]+ of|excluded|(not )?packed|[0-9]+ bytes in|memory:? |not in the input)' \
		-e '^the dump is saved to ' -e '^what was saved is in .*-incomplete$' > errors
	cat errors
	[[ $(wc -l < errors) = 1 ]] && grep -qE "$1" errors
}

private()
{
	test "$(stat -c %a "$1")" = 600
}

# The dump $1 is sound, and each of its pages is that of core $2.
sound()
{
	"$kdumpcmp" --check --holes "$1" && "$kdumpcmp" --lost-ok --core "$2" "$1"
}

fresh()
{
	rm -rf dump dump-incomplete text
}

# ---- what should go well ----

umask 022
run core dump
ended 0 'a dump'
ok 'it is sound' sound dump core
ok 'it is private' private dump
ok 'its name while it was written is gone' gone dump-incomplete

printf 'old' > old
run core old
ended 2 'an output that exists'
ok 'one line says what to do' one_error 'old exists already: remove it, or use -f$'
ok 'it is left alone' test "$(cat old)" = old
run -f core old
ended 0 'with -f'
ok 'it is replaced' sound old core

run --dump-dmesg core text
ended 0 '--dump-dmesg'
ok 'the log is as it should be' diff -u "$golden/machine.log" text
ok 'it is private' private text
run --record core record
ended 0 '--record'
ok 'the panic record is as it should be' diff -u "$golden/machine.record" record
ok 'it is private' private record
run --record core record
ended 2 '--record to a file that exists'
run --record core
ended 2 '--record without an output'
run --mini core mini
ended 1 '--mini of a machine without struct pages'
ok 'one line says what is missing' one_error 'no mini-core: nothing tells which pages belong to it: '
ok 'nothing is left' gone mini mini-incomplete
run --dump-dmesg core text
ended 2 '--dump-dmesg to a file that exists'
run --dump-dmesg -f core text
ended 0 '--dump-dmesg -f'

fresh
run --dry-run core
ended 0 '--dry-run'
ok 'it counts' says 'memory 2064 pages, kept 2064'
run --dry-run core dump
ended 0 '--dry-run with an output'
ok 'nothing is written' gone dump
ok 'nor begun' gone dump-incomplete

"$collect" core dump 0<&- 1>&- 2>&-
ok 'without any standard descriptor: exit code 0' test "$?" = 0
ok 'it is sound' sound dump core

# ---- the command line ----

fresh
for words in '--no-such-option core dump' '-d 32 core dump' 'core' 'core core dump' '-d core' \
	'--codec snappy core dump' '-L 1000 core dump' '--config /nonexistent core'; do
	# shellcheck disable=SC2086 # words are wanted
	run $words
	ended 2 "$words"
	ok "$words: one line" one_error .
done
ok 'nothing was written' gone dump

run missing dump
ended 1 'no such input'
ok 'one line says so' one_error '^missing: No such file or directory$'
: > empty
run empty dump
ended 1 'an empty input'
ok 'one line says so' one_error '^empty: '
run "$golden/machine.core" dump
ended 1 'an input that is no core'
ok 'one line says so' one_error 'machine.core: '
run core missing/dump
ended 1 'an output in no directory'
ok 'one line says so' one_error 'missing/dump-incomplete: No such file or directory$'
ok 'nothing was written' gone dump

# ---- inputs that are not as they should be ----

cp --sparse=always core cut
"$tamper" cut cut 50 || exit 1
run cut dump
ended 3 'a core that is cut'
ok 'a warning says where' says 'warning: cut: PT_LOAD [0-9]+: .* the file ends at .*: cut'
ok 'one line says that it is not whole' one_error '^the input is not whole'
ok 'what is there was saved' says 'kept 2056 '
ok 'and is sound' "$kdumpcmp" --check dump-incomplete
ok 'nothing has the name of a dump' gone dump

fresh
run -d 1,31 cut dump
ended 3 'a core that is cut, with two levels'
ok 'no other level was tried' says 'planning: dump level 1,'
ok 'for it would not help' test "$(grep -c planning said)" = 1

fresh
cp --sparse=always core renamed
"$tamper" renamed rename-note || exit 1
run renamed dump
ended 0 'no VMCOREINFO note'
ok 'a warning says where it was found' says 'warning: no usable VMCOREINFO note; found its text'
ok 'it is sound' sound dump renamed
run --dump-dmesg -f renamed text
ended 0 'its log'
ok 'it is the same' diff -u "$golden/machine.log" text

fresh
cp --sparse=always core huge
"$tamper" huge huge-note || exit 1
run huge dump
ended 0 'a note of 4 GiB'
ok 'a warning names it' says 'warning: huge: damaged notes: .*4294967280'
ok 'vmcoreinfo behind it is found' says 'warning: no usable VMCOREINFO note; found its text'
run --dump-dmesg -f huge text
ended 0 'its log'
ok 'it is the same' diff -u "$golden/machine.log" text

fresh
cp --sparse=always core blind
"$tamper" blind destroy-text > /dev/null || exit 1
run blind dump
ended 0 'no vmcoreinfo at all'
ok 'a warning says so' says 'warning: .*no usable vmcoreinfo in [0-9]+ MiB of memory'
ok 'another, that all is kept' says 'warning: nothing but zero pages is excluded: no vmcoreinfo'
ok 'all is kept' says 'kept 2064'
run --dump-dmesg blind log
ended 1 'its log'
ok 'one line says why' one_error 'the log cannot be found: no vmcoreinfo'
ok 'no empty file is left' gone log

# ---- outputs without room ----

# 8 MiB of data that are stored as they are, and room for half of it.
fresh
(
	ulimit -f 4096
	"$collect" -d 0 --codec none core dump > said 2>&1
)
code=$?
ended 3 'a limit on the size of files'
ok 'one line says so' one_error 'dump-incomplete: write of .*: File too large$'
ok 'what fitted is sound' sound dump-incomplete core
ok 'pages are lost' bash -c "'$kdumpcmp' --check --holes dump-incomplete | grep 'lost [1-9]'"
ok 'it is private' private dump-incomplete

fresh
(
	ulimit -f 4096
	"$collect" -d 0,1 --codec none core dump > said 2>&1
)
code=$?
ended 0 'a second level that fits'
ok 'one line says what did not' one_error 'File too large; trying dump level 1$'
ok 'it is sound' sound dump core

fresh
(
	ulimit -f 16
	"$collect" -d 0 core dump > said 2>&1
)
code=$?
ended 1 'no room for the index'
ok 'one line says so' one_error '(File too large|No space left on device)$'
ok 'nothing is left' gone dump-incomplete

# mounted WORDS COMMAND...: in a file system ./small of our own; WORDS are mount's.
mounted()
{
	local words=$1
	shift
	mkdir -p small
	# shellcheck disable=SC2016 # for the inner shell
	"${own[@]}" bash -c 'mount $0 small && "$@" > said 2>&1
		code=$?
		cp small/dump* . 2> /dev/null
		umount small
		exit $code' "$words" "$@"
	code=$?
}

# Some pages of the dump $1 are there, and some are not.
holds_pages()
{
	"$kdumpcmp" --check --holes "$1" | grep -E '^pages [1-9].* lost [1-9]'
}

# full WHERE: the last run was of more than there is room for.
full()
{
	ended 3 "$1 that is full"
	ok 'one line says so' one_error 'small/dump-incomplete: write of .*: No space left on device$'
	ok 'what fitted is sound' sound dump-incomplete core
	ok 'it is not nothing' holds_pages dump-incomplete
}

own=(unshare --mount)
[[ $(id -u) = 0 ]] || own+=(--map-root-user)
# In a chroot there may be no namespaces to be had; root can mount all the same.
"${own[@]}" true 2> /dev/null || own=(env)
for size in 1M 2M 2500K 3M 4M 5700K 7M; do
	fresh
	mounted "-t tmpfs -o size=$size tmpfs" "$collect" -d 0 --codec none core small/dump
	full "a file system in memory, of $size,"
done

# One on a device, which takes writes past the page cache, several at a time.
if [[ $(id -u) = 0 ]] && /sbin/losetup -f > /dev/null 2>&1; then
	for size in 2M 3M 5M 6M 9M; do
		fresh
		rm -f image
		/sbin/mke2fs -q -t ext4 -m 0 image "$size" > /dev/null 2>&1 || exit 1
		mounted '-o loop image' "$collect" -d 0 --codec none core small/dump
		full "a file system on a device, of $size,"
		ok 'so is the file system' /sbin/e2fsck -fn image
	done
	for size in 500K 2M 3000K 5M; do
		fresh
		rm -f image
		head -c "$(numfmt --from=iec "$size")" /dev/urandom > image
		device=$(/sbin/losetup --find --show image) || exit 1
		run -d 0 --codec none core "$device"
		/sbin/losetup -d "$device"
		ended 3 "a device of $size that is full"
		ok 'one line says so' says "$device: write of .*: No space left on device\$"
		ok 'what fitted is sound' sound image core
		ok 'it is not nothing' holds_pages image
	done
else
	n=$((n + 1))
	printf 'ok %d - a file system on a device # SKIP needs root and a loop device\n' "$n"
fi

fresh
mounted '-t tmpfs -o size=4M,ro tmpfs' "$collect" core small/dump
ended 1 'a file system that is read-only'
ok 'one line says so' one_error 'small/dump-incomplete: Read-only file system$'

# ---- a kernel that is not understood ----

# unsure TEXT WORDS STATEMENT: with that in it the kernel is dumped, and a line says what is kept.
unsure()
{
	fresh
	rm -f odd
	printf 'ram 16M 8M\nfree 0x1400 8\nanon 0x1600 100\n%b\n' "$3" > odd.kernel
	mkkernel odd.kernel odd
	run -d 31 odd dump
	ended 0 "$1"
	ok 'a warning says which class, and why' says "warning: $2"
	ok 'it is sound' "$kdumpcmp" --core odd dump
}

unsure 'a key is missing' 'dump level bits 16 are not honoured: .*zone.free_area' \
	'key LENGTH(zone.free_area)=0'
ok 'free pages are kept' "$kdumpcmp" --pfn $((0x1410)) dump
unsure 'the kernel'\''s own pages pass for a class' \
	'dump level bits 8 are not honoured: [0-9]+ of [0-9]+ pages of the kernel itself .* class user' \
	'anon 0x1000 100'
ok 'pages of users are kept' "$kdumpcmp" --pfn $((0x1610)) dump
unsure 'a struct page of no size' 'nothing but zero pages is excluded: .*SIZE\(page\)' \
	'key SIZE(page)=0'
unsure 'struct pages that cannot be read' '[0-9]+ struct pages cannot be read: .* are kept' \
	'unmap 0x1600'

finish
