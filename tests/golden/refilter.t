#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# refilter: dumps as input, where other programs made them: tests/oracle/kdumpgen, the few lines of
# python below that flatten a file and share a dump out to several, and makedumpfile. What comes
# out must be the same dump, page by page, for tests/oracle/kdumpcmp. tests/vm/refilter.t and
# tests/vm/formats.t have real ones.

# The cases are called by their names, or as words of eval.
# shellcheck disable=SC2016,SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

golden_needs lifeboat-collect tests/oracle/kdumpcmp tests/tools/mkcore tests/tools/mkkernel
golden_makedumpfile
elfcmp=$PWD/tests/oracle/elfcmp
mkdir "$work/gen"
tests/oracle/kdumpgen "$work/gen" || bail 'the generator makes its dumps'
mkcore "$golden/collect/machine.core" "$work/core"
mkkernel "$golden/formats/plain.kernel" "$work/kernel"
cd "$work" || exit 1

# becomes CODE DUMP OPTION... INPUT...: the collector ends with CODE and OUTPUT is like DUMP.
becomes()
{
	local code=$1 dump=$2 status=0 result=result
	shift 2
	rm -f result result-incomplete
	"$collect" "$@" result > said 2>&1 || status=$?
	cat said
	[[ $status = "$code" ]] || return 1
	[[ $code = 0 ]] || result='result-incomplete'
	"$kdumpcmp" --check --holes "$result" && "$kdumpcmp" "$dump" "$result"
}

# fails WORDS INPUT...: exit code 1 or 2, no output, and a line with WORDS.
fails()
{
	local words=$1 status=0
	shift
	rm -f result result-incomplete
	"$collect" -d 0 "$@" result > said 2>&1 || status=$?
	cat said
	[[ $status = 1 || $status = 2 ]] && grep -q "$words" said &&
		[[ ! -e result && ! -e result-incomplete ]]
}

# flatten STEP ORDER FILE: the file as records, on standard output.
flatten()
{
	python3 - "$@" << 'END'
import struct, sys
step, order, data = int(sys.argv[1]), sys.argv[2], open(sys.argv[3], "rb").read()
out = sys.stdout.buffer
out.write(struct.pack(">16sqq", b"makedumpfile", 1, 1).ljust(4096, b"\0"))
places = range(0, len(data), step)
for at in reversed(places) if order == "backwards" else places:
    if any(data[at:at + step]) or at + step >= len(data):
        out.write(struct.pack(">qq", at, len(data[at:at + step])) + data[at:at + step])
out.write(struct.pack(">qq", -1, -1))
END
}

# share FILE PART START END: a part of a dump with the pages [START, END), all data with it.
share()
{
	python3 - "$@" << 'END'
import struct, sys
b, start, end = bytearray(open(sys.argv[1], "rb").read()), int(sys.argv[3]), int(sys.argv[4])
sub, blocks = struct.unpack_from("<II", b, 432)
bits, descs = (1 + sub + blocks // 2) * 4096, (1 + sub + blocks) * 4096
kept = [n for n in range(299) if b[bits + n // 8] >> n % 8 & 1]
own = b"".join(bytes(b[descs + 24 * i:descs + 24 * i + 24])
               for i, n in enumerate(kept) if start <= n < end)
b[descs:descs + 24 * len(kept)] = own.ljust(24 * len(kept), b"\0")
struct.pack_into("<I", b, 4096 + 12, 1)
struct.pack_into("<QQ", b, 4096 + 80, start, end)
open(sys.argv[2], "wb").write(b)
END
}

# Each sound dump of the generator comes out as it went in.
for dump in good-plain good-raw-backwards good-unshared; do
	ok "$dump" becomes 0 gen/good-plain -d 0 "gen/$dump"
done
ok 'an incomplete dump stays one, and loses no more' eval '
	! becomes 3 gen/good-incomplete -d 0 gen/good-incomplete > /dev/null &&
	"$kdumpcmp" --lost-ok gen/good-incomplete result-incomplete | grep "content 0"'
for dump in other-page-zstd other-bitmap1 other-bitmap2 other-nodename other-notes; do
	ok "$dump" becomes 0 "gen/$dump" -d 0 "gen/$dump"
done

# Flattened, and put together again.
for order in forwards backwards; do
	for step in 61 4096 1000000; do
		flatten "$step" "$order" gen/good-plain > flat
		ok "flattened $order by $step" becomes 0 gen/good-plain -d 0 flat
		rm -f plain
		ok "-R, $order by $step" eval '"$collect" -R plain < flat && cmp plain gen/good-plain'
	done
done
head -c -16 flat > broken
rm -f plain plain-incomplete
ok '-R of a stream that broke off keeps what came' eval \
	'"$collect" -R plain < broken; test $? = 3 && test ! -e plain && test -s plain-incomplete'
ok '-R of something else leaves nothing' eval \
	'"$collect" -R plain < gen/good-plain; test $? = 2 && test ! -e plain'
flatten 65531 forwards core > flat
ok 'an ELF core, flattened' eval '
	"$collect" -f -d 1 core direct > said 2>&1 && becomes 0 direct -d 1 flat'

# Split, in any order.
share gen/good-plain a 0 64
share gen/good-plain b 64 192
share gen/good-plain c 192 299
ok 'three parts' becomes 0 gen/good-plain -d 0 c a b
ok '--reassemble' becomes 0 gen/good-plain --reassemble a b c
ok 'a part that is missing costs its pages' eval '
	"$collect" -f -d 0 a c parts > said 2>&1; test $? = 3 &&
	"$kdumpcmp" --info parts-incomplete | grep "^bitmap2_bits *1[0-9][0-9] "'
ok 'a part twice' fails 'more than one' a b a
ok 'a part and a whole dump' fails 'whole dump' a gen/good-plain
ok 'parts of a core' fails 'is one file' core core
share gen/other-bitmap2 b 64 192
ok 'parts of two dumps' fails bitmap2 a b c

# Filtered twice is filtered once.
"$collect" -f -d 0 core all > said 2>&1
"$collect" -f -d 1 core direct > said 2>&1
ok 'level 0, then level 1' becomes 0 direct -d 1 all
ok 'level 1, then level 0: it stays level 1' becomes 0 direct -d 0 direct
for codec in none zlib lzo zstd; do
	"$collect" -f -d 0 --codec "$codec" core all > said 2>&1
	ok "from $codec to zlib" becomes 0 direct -d 1 -c all
done
ok 'no ELF core of a dump' eval 'rm -f elf; "$collect" -E -d 1 all elf > said 2>&1; test $? = 2 &&
	test ! -e elf && grep -q "no virtual addresses" said'
ok 'the log of a dump' eval '
	"$collect" --dump-dmesg all log > said 2>&1 && grep -q "Kernel panic" log'

# What makedumpfile writes: read and written again, with whatever codec, it is the same dump; and
# filtered it is what we make of the core.
makedumpfile()
{
	"$makedumpfile" --message-level 4 -f "$@"
}
"$collect" -f -d 31 kernel direct > said 2>&1
declare -A flag=([none]='' [zlib]=-c [lzo]=-l)
for codec in none zlib lzo; do
	for level in 0 1 31; do
		# shellcheck disable=SC2086 # none is no word
		ok "makedumpfile, $codec, level $level" \
			makedumpfile ${flag[$codec]} -d $level kernel theirs
		again='lzo'
		[[ $level != 1 ]] || again='none zlib lzo zstd auto'
		for ours in $again; do
			ok "written again with $ours" becomes 0 theirs --codec "$ours" -d 0 theirs
		done
		ok 'then level 31' becomes 0 direct -d 31 theirs
	done
done
# The newest dump is level 31 with LZO.
ok 'makedumpfile -F' eval '"$makedumpfile" --message-level 4 -F -l -d 31 kernel > flat'
ok 'read as it is' becomes 0 theirs -d 0 flat
ok '-R: to the byte what makedumpfile -R makes' eval 'rm -f plain
	makedumpfile -R whole < flat; "$collect" -R plain < flat && cmp plain whole'
ok 'makedumpfile --split' makedumpfile --split -l -d 31 kernel a b c
# The first parts may be empty, and are parts all the same.
ok 'the parts as input' becomes 0 theirs -d 0 b c a
ok '--reassemble' becomes 0 theirs --reassemble c a b
for level in 0 1 31; do
	ok "makedumpfile -E -d $level" makedumpfile -E -d $level kernel theirs.elf
	ok 'written again as ELF' eval 'rm -f elf; "$collect" -E -d 0 theirs.elf elf'
	ok 'it has the same bytes' "$elfcmp" elf theirs.elf
	ok 'which are of the core' "$elfcmp" --within elf kernel
	makedumpfile -l -d 31 theirs.elf again
	ok 'filtered to level 31 it is what makedumpfile makes of it' becomes 0 again -d 31 theirs.elf
done
ok 'makedumpfile -F -E' eval '"$makedumpfile" --message-level 4 -F -E -d 31 kernel > flat'
ok 'read as it is' becomes 0 again -d 31 flat

# Pages that cannot be decompressed are zeros and counted; headers that lie are errors.
for fault in bad-zlib bad-lzo bad-zstd bad-flags-two bad-size-over bad-offset-wraps; do
	ok "$fault" eval '"$collect" -f -d 0 gen/$fault result > said 2>&1 &&
		grep -q "1 pages of old memory could not be read" said'
done
for fault in signature block-size block-size-huge sub-header sub-header-zero bitmaps bitmaps-odd \
	max-mapnr max-mapnr-zero; do
	ok "bad-open-$fault" fails . "gen/bad-open-$fault"
done

finish
