#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# formats: the outputs that are no plain dump, on cores made from text: ELF, flattened, split,
# raw; what --dry-run, --show-stats and --vtop say; and what happens when a target is full.
# makedumpfile makes the same, and takes what we made.

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

elfcmp=$PWD/tests/oracle/elfcmp
flatcheck=$PWD/tests/oracle/flatcheck
golden_needs lifeboat-collect tests/oracle/kdumpcmp tests/tools/mkcore tests/tools/mkkernel
golden_makedumpfile
for kernel in gaps plain; do
	mkkernel tests/golden/formats/$kernel.kernel "$work/$kernel"
done
{
	cat tests/golden/collect/machine.core
	printf 'load paddr=0x100000000 size=4K count=66000 stride=1M\n'
} > "$work/many.txt"
mkcore "$work/many.txt" "$work/many"
{
	printf 'load paddr=0x1000000 size=0x520000 vaddr=0xffffffff81000000\n'
	cat tests/golden/collect/machine.core
	printf 'data 0x1530000 le64 0x1234\n'
} > "$work/image.txt"
mkcore "$work/image.txt" "$work/image"
cd "$work" || exit 1

makedumpfile()
{
	"$makedumpfile" --message-level 4 "$@"
}

e_flags()
{
	test "$(od -An -tu4 -j48 -N4 "$2" | tr -d ' ')" = "$1"
}

# Whether a core has the page at that physical address in its file.
has_page()
{
	local kind paddr filesz rest seen=1
	while read -r kind _ _ paddr filesz rest; do
		[[ $kind = LOAD ]] || continue
		seen=0
		((paddr <= $2 && $2 < paddr + filesz)) && return 0
	done < <(readelf -lW "$1")
	# A table that could not be read is no answer.
	return $((seen ? 2 : 1))
}

lacks_page()
{
	has_page "$@"
	[[ $? = 1 ]]
}

# ---- ELF ----

for level in 0 1 8 16 30 31; do
	run -E -d $level plain elf
	ended 0 "-E -d $level"
	makedumpfile -f -E -d $level plain theirs > /dev/null
	ok "segments and bytes are those of makedumpfile -E -d $level" \
		"$elfcmp" --loads elf theirs
	ok 'and those of the core' "$elfcmp" --within elf plain
	mv elf elf.$level
done
for level in 0 31; do
	run -E -d $level --threads 7 plain elf
	ok "with 7 threads the same at level $level" cmp elf elf.$level
	rm elf
done
ok 'it is marked as complete' e_flags 0 elf.31
ok 'makedumpfile takes it as input' makedumpfile -f -l -d 31 elf.31 again
makedumpfile -f -l -d 31 plain straight
ok 'and finds the bytes of the core in it' "$kdumpcmp" --core plain again
run -f -l -d 31 elf.0 again
ended 0 'we take our own'
ok 'and make the same dump of it as of the core' "$kdumpcmp" again straight
run -f -E -d 31 elf.1 elf
ended 0 'an ELF core of an ELF core'
ok 'has only bytes of the core' "$elfcmp" --within elf plain

run -f -E -d 8 gaps elf
ended 0 '-E with pages that must not be read'
ok 'is of the core' "$elfcmp" --within elf gaps
ok 'a small gap is filled' has_page elf $((0x1a00 << 12))
ok 'a large one is not' lacks_page elf $((0x1c00 << 12))
ok 'a poisoned page is not there' lacks_page elf $((0x2400 << 12))
ok 'nor within a gap' lacks_page elf $((0x220a << 12))
ok 'nor are its neighbours' lacks_page elf $((0x2200 << 12))
ok 'an offline page is not there' lacks_page elf $((0x230a << 12))
ok 'a page that is memory in part is' has_page elf $((0xb000100))

# load_of FILE VADDR: bytes of data and of memory of the PT_LOAD there.
load_of()
{
	readelf -lW "$1" | awk -v at="$2" '$1 == "LOAD" && $3 == at { print $5, $6 }'
}

run -f -E -d 1 image elf
check_is 'the kernel image ends before its last pages of zeros' '0x311000 0x320000' \
	"$(load_of elf 0xffffffff81200000)"
check_is 'the memory that it is in goes on' '0x500000 0x600000' "$(load_of elf 0xffff888001200000)"
ok 'it has only bytes of the core' "$elfcmp" --within elf image
run -f -E -d 0 image elf
check_is 'where zeros are kept it has them' '0x520000 0x520000' "$(load_of elf 0xffffffff81000000)"

run -f -E -d 0 many elf
ended 0 '-E with 66000 segments'
ok 'it says so where there is room' "$elfcmp" --loads elf many
run -f -d 0 elf again
ended 0 'it can be read'
rm -f many elf theirs

# ---- flattened ----

run -l -d 31 plain direct
"$collect" -F -l -d 31 plain > flat 2> said
code=$?
ended 0 '-F to standard output'
ok 'its descriptors are in the budget' grep -q 'KiB needed: .* descriptors [0-9]* KiB' said
ok 'it obeys the format' "$flatcheck" flat
ok 'makedumpfile puts it together' sh -c "$makedumpfile -R whole < flat"
ok 'to the same dump' "$kdumpcmp" whole direct
ok 'that is sound' "$kdumpcmp" --check whole
rm -f flat whole
run -F -l -d 31 plain flat
ended 0 '-F to a file'
ok 'it obeys the format' "$flatcheck" flat
ok 'nothing else is left' gone flat-incomplete
ok 'makedumpfile puts it together' sh -c "$makedumpfile -R whole < flat"
ok 'to the same dump' "$kdumpcmp" whole direct
mkdir dir
run -f plain dir
ended 2 'a directory as output'
ok 'it is said' says 'dir is a directory$'
mkfifo fifo
cat fifo > through &
run -F -l -d 31 plain fifo
wait $!
ended 0 '-F to a pipe with a name'
ok 'it obeys the format' "$flatcheck" through
for level in 0 31; do
	"$collect" -F -E -d $level plain > flat 2> said
	code=$?
	ended 0 "-F -E -d $level"
	ok 'it obeys the format' "$flatcheck" flat
	rm -f whole
	ok 'makedumpfile puts it together' sh -c "$makedumpfile -R whole < flat"
	ok 'to the same ELF core' cmp whole elf.$level
done
# cat reads 4096 bytes at a time; head ends before the dump does.
{
	"$collect" -F -d 0 --codec none plain 2> said
	echo $? > code
} | head -c 5000 > /dev/null
code=$(cat code)
ended 1 '-F to a reader that goes away'
ok 'it is said why' says 'standard output: write.*: Broken pipe'
run -F plain direct
ended 2 '-F to a file that is there'
run -F -c plain /dev/full
ended 1 '-F to a device that is full'
ok 'it is said why' says '/dev/full: write.*: No space left on device'

# ---- split ----

run --split -l -d 31 plain s1 s2 s3
ended 0 '--split'
ok 'nothing else is left' gone s1-incomplete s2-incomplete s3-incomplete
for i in 2 3; do
	ok "header $i is that of the first" cmp -n 464 s1 s$i
done
ok 'makedumpfile takes them' makedumpfile -f --reassemble s1 s2 s3 whole
ok 'and makes the same dump of them' "$kdumpcmp" whole direct
ok 'that is sound' "$kdumpcmp" --check whole
rm -f s1 s2 s3
run --split -l -d 0 --threads 3 plain s1 s2
ended 0 '--split -d 0'
ok 'makedumpfile takes them in any order' makedumpfile -f --reassemble s2 s1 whole
ok 'all pages are there' "$kdumpcmp" --core plain whole
run --split plain s1 s2
ended 2 '--split to files that are there'
rm -f s1 s2
run --split plain s1 s1
ended 2 '--split to one file twice'
ok 'it is said' says 's1 is named twice'
run --split plain s1
ended 2 '--split to one file'
run --split plain s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12 s13
ended 2 '--split into too many'
ok 'nothing is left' gone s1 s2 s13 s1-incomplete s2-incomplete s13-incomplete

# ---- raw ----

run --format raw plain raw
ended 0 '--format raw'
ok 'it is the same' cmp raw plain
ok 'with holes' test "$(stat -c %b raw)" -lt "$(($(stat -c %s plain) / 512))"
run -f --format raw --threads 5 elf.31 raw
ended 0 'of a core that is not aligned'
ok 'it is the same' cmp raw elf.31

# ---- what will be, what was, what is where ----

# predicted PERCENT FILE: not further off than that.
predicted()
{
	local size real
	size=$(sed -n 's/.*predicted size: \([0-9]*\) bytes.*/\1/p' said)
	real=$(stat -c %s "$2")
	[[ -n $size ]] && ((size * 100 >= real * (100 - $1) && size * 100 <= real * (100 + $1)))
}

# Of pages that are not compressed nothing has to be guessed.
for words in '-l' '-d 0 -c' '-E' '-d 0 -E' '--format raw'; do
	# shellcheck disable=SC2086 # words are wanted
	run -f $words plain dump
	# shellcheck disable=SC2086
	run --dry-run $words plain
	ended 0 "--dry-run $words"
	case $words in
	*-l | *-c) ok 'the prediction is good' predicted 5 dump ;;
	*) ok 'the prediction is right' predicted 0 dump ;;
	esac
done
run --dry-run --message-level 0 plain
ok 'it is silent when told so' test ! -s said
run -f --show-stats --message-level 0 -d 31 plain dump
ended 0 --show-stats
ok 'it counts' says '^lifeboat-collect: excluded user: [0-9]+ pages$'
ok 'also where there is nothing' says '^lifeboat-collect: excluded offline: 0 pages$'
"$collect" --vtop ffffffff81000000 plain > vtop
code=$?
ended 0 --vtop
ok 'it is right' grep -qx 'ffffffff81000000  1000000' vtop
run --vtop ffffffff00000000 plain
ended 1 '--vtop of an address that is not mapped'

# ---- full ----

# Where namespaces are not to be had, as in some containers, root has its own way to mount.
own=(unshare --mount)
[[ $(id -u) = 0 ]] || own=(unshare --user --map-root-user --mount)
mkdir small

# small SIZE COMMAND...: with a file system of that size at small; what is in it is copied back.
# shellcheck disable=SC2016 # for the other shell
mounted()
{
	"${own[@]}" sh -c 'size=$1; shift; mount -t tmpfs -o "size=$size" none small || exit 99
		"$@"; code=$?; cp --sparse=always small/* . 2> /dev/null
		umount small; exit $code' \
		sh "$@" > said 2>&1
	code=$?
}

"${own[@]}" true 2> /dev/null || own=(env)
mounted 20M "$collect" -E -d 0 plain small/full
ended 3 'an ELF core that does not fit'
ok 'it is marked as incomplete' e_flags 1 full-incomplete
ok 'nothing has the name of a dump' gone full
ok 'it is as long as it would have been' \
	test "$(stat -c %s full-incomplete)" = "$(stat -c %s elf.0)"
run -f --dump-dmesg full-incomplete log
ok 'it can be read, with a warning' says 'marked it as incomplete'
mounted 20M "$collect" --split -d 0 --codec none plain small/s1 small/s2
ended 3 'a split dump that does not fit'
ok 'neither has the name of a dump' gone s1 s2
ok 'both are kept' test -s s1-incomplete -a -s s2-incomplete
mounted 20M "$collect" --format raw plain small/raw2
ended 3 'a copy that does not fit'
ok 'it has not the name' gone raw2
mounted 20M "$collect" -F -d 0,31 -l plain small/flat2
ended 0 'a flattened dump with a level that fits'
ok 'it obeys the format' "$flatcheck" flat2
# The index goes out last: its room is kept, whatever the pages take.
for size in 9M 20M; do
	rm -f flat3-incomplete whole ours
	mounted $size "$collect" -F -d 0 --codec none plain small/flat3
	ended 3 "a flattened dump that does not fit into $size"
	ok 'it has not the name of a dump' gone flat3
	ok 'it obeys the format' "$flatcheck" flat3-incomplete
	ok 'of its room little was left over' \
		test "$(stat -c %s flat3-incomplete)" -gt $(((${size%M} - 3) << 20))
	ok 'makedumpfile puts it together' sh -c "$makedumpfile -R whole < flat3-incomplete"
	ok 'no descriptor points at what was lost' "$kdumpcmp" --check --holes whole
	ok 'the pages that it has are those of the core' \
		"$kdumpcmp" --lost-ok --core plain whole
	"$collect" -R ours < flat3-incomplete 2> said
	code=$?
	ended 0 "-R of it"
	ok 'we put it together alike' cmp ours whole
	run -f --dump-dmesg flat3-incomplete log
	ok 'it can be read as it is, with a warning' says 'marked it as incomplete'
done

finish
