#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# formats.t [VMCORE]: a real vmcore in every format that we write, in the hands of all others:
#   - makedumpfile, Debian's and the newest, filters each of them, puts the flattened and the split
#     one together, and gets what it gets of the vmcore; and so do we of what it wrote with each of
#     its codecs;
#   - crash, both versions, says the same of each as of makedumpfile's dump;
#   - libkdumpfile, both versions, reads the same bytes for every page.
# All are of level 1, which has every page that is not all zeros, and shares one page of zeros.
# Dumps that are odd as input are in refilter.t, page sets in pageset.t and matrix.t.

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

readonly CODECS='none zlib lzo zstd auto'
declare -A letter=([none]='' [zlib]=-c [lzo]=-l [snappy]=-p [zstd]=-z)

top=$PWD
collect=$LIFEBOAT_OUT/lifeboat-collect
kdumpcmp=$vm_oracle/kdumpcmp
elfcmp=$top/tests/oracle/elfcmp
started=$SECONDS

# tool PACKAGE: its directory, of the newest.
tool()
{
	scripts/tool fetch "sid/$1" 2>> "$vm_dir/tools.log"
}
declare -A makedumpfile=([old]=$(PATH=$PATH:/sbin:/usr/sbin command -v makedumpfile)
	[new]=$(tool makedumpfile)/bin/makedumpfile)
declare -A crash=([old]=$(command -v crash) [new]=$(tool crash)/bin/crash)
kdumpfile=$(tool libkdumpfile-dev)
for program in "${makedumpfile[@]}" "${crash[@]}" "$kdumpfile/bin/run"; do
	[[ -x $program ]] || bail 'the newest makedumpfile, crash and libkdumpfile are there'
done
vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
vm_any_vmcore "$@" || bail 'there is a raw copy of /proc/vmcore'
vmcore=$vm_vmcore
cd "$vm_dir" || exit 1
trap 'rm -f "$vm_dir"/{vmcore,ours,md,result,theirs,whole}*' EXIT

done_with()
{
	diag "$*: done after $((SECONDS - started)) s"
}

ours()
{
	"$collect" -f --message-level 4 "$@"
}

# theirs AGE ARGUMENT...
theirs()
{
	"${makedumpfile[$1]}" --message-level 4 -f "${@:2}"
}

# The codecs that a makedumpfile was built with.
codecs_of()
{
	echo none zlib
	"$1" -v 2>&1 | sed -n 's/^\(lzo\|snappy\|zstd\)[[:space:]]*enabled$/\1/p'
}

# ---- the files ----

check 'level 31 of the vmcore' ours -l -d 31 "$vmcore" ours.31
for codec in $CODECS; do
	check "level 1, codec $codec" ours --codec "$codec" -d 1 "$vmcore" "ours.$codec"
done
check 'level 1, ELF' ours -E -d 1 "$vmcore" ours.elf
check 'level 1, flattened' ours -l -F -d 1 "$vmcore" ours.flat
check 'level 1, ELF and flattened' ours -F -E -d 1 "$vmcore" ours.elf-flat
split=(ours.split1 ours.split2 ours.split3)
check 'level 1, split' ours --split -l -d 1 "$vmcore" "${split[@]}"
check 'every page is that of the vmcore' "$kdumpcmp" --core "$vmcore" ours.none
check 'ELF: so is every byte' "$elfcmp" --within ours.elf "$vmcore"

# ---- makedumpfile ----

# becomes DUMP OPTION... INPUT...: what we make of it equals DUMP in every header, bit and byte.
becomes()
{
	ours "${@:2}" result && "$kdumpcmp" "$1" result
}

# they_make AGE DUMP OPTION... INPUT...: the same for what makedumpfile makes of it.
they_make()
{
	rm -f theirs
	theirs "$1" "${@:3}" theirs && "$kdumpcmp" "$2" theirs
}

unflatten() # AGE FLATTENED OUTPUT
{
	rm -f "$3"
	theirs "$1" -R "$3" < "$2"
}

flattened_by() # AGE OPTION... OUTPUT
{
	local output=${*: -1}
	"${makedumpfile[$1]}" --message-level 4 -F "${@:2:$#-2}" "$vmcore" > "$output"
}

# Both ways, for the makedumpfile of one age.
judge_makedumpfile()
{
	local age=$1 name=$2 codecs codec
	codecs=$(codecs_of "${makedumpfile[$age]}" | tr '\n' ' ')
	diag "$("${makedumpfile[$age]}" -v 2>&1 | head -n 1): codecs $codecs"

	check "$name filters the vmcore as we do" they_make "$age" ours.31 -l -d 31 "$vmcore"
	for codec in $codecs; do
		# shellcheck disable=SC2086 # none is no word
		check "$name: level 1 with $codec" \
			theirs "$age" ${letter[$codec]} -d 1 "$vmcore" md.1
		check "$name: of that we make level 31" becomes ours.31 -l -d 31 md.1
		[[ $codec != lzo ]] || mv md.1 md.lzo
	done
	check "$name: its level 1 is ours" "$kdumpcmp" md.lzo ours.lzo
	for codec in $CODECS; do
		# With auto there may be any of ours.
		case $codec:$codecs in
		zstd:*zstd* | auto:*zstd* | none:* | zlib:* | lzo:*)
			check "$name: of ours with $codec it makes level 31" \
				they_make "$age" ours.31 -l -d 31 "ours.$codec"
			;;
		esac
	done

	check "$name -R: our flattened dump" unflatten "$age" ours.flat whole.lzo
	check "$name -R: it is the dump" "$kdumpcmp" ours.lzo whole.lzo
	check "$name -R: our flattened ELF core" unflatten "$age" ours.elf-flat whole.elf
	check "$name -R: it is the core" cmp ours.elf whole.elf
	check "$name -F: a flattened dump" flattened_by "$age" -l -d 1 md.flat
	check "$name -F: of that we make level 31" becomes ours.31 -l -d 31 md.flat
	check "$name -F: -R of it" eval "rm -f whole.lzo; \"$collect\" -R whole.lzo < md.flat"
	check "$name -F: is what $name -R gives" eval \
		"unflatten $age md.flat whole.theirs && cmp whole.lzo whole.theirs"

	check "$name --reassemble: our split dump" they_make "$age" ours.lzo --reassemble "${split[@]}"
	check "$name --split: a split dump" theirs "$age" --split -l -d 1 "$vmcore" md.s1 md.s2 md.s3
	check "$name --split: of that we make level 31" becomes ours.31 -l -d 31 md.s2 md.s1 md.s3
	check "$name --split: --reassemble of it" becomes ours.lzo --reassemble md.s1 md.s2 md.s3

	check "$name -E: an ELF core" theirs "$age" -E -d 1 "$vmcore" md.elf
	check "$name -E: segments and bytes are those of ours" "$elfcmp" --loads ours.elf md.elf
	check "$name -E: of that it makes level 31" theirs "$age" -l -d 31 md.elf md.31
	check "$name -E: and of ours the same" they_make "$age" md.31 -l -d 31 ours.elf
	rm -f md.1 md.31 md.flat md.s? whole.*
	done_with "$name"
}

judge_makedumpfile old "Debian's makedumpfile"
judge_makedumpfile new 'the newest makedumpfile'

# ---- libkdumpfile ----

# hash AGE NAME FILE...: what it says of a dump, in hash.AGE.NAME.
hash()
{
	if [[ $1 = old ]]; then
		"$vm_oracle/kdumpfile_hash" "${@:3}"
	else
		"$kdumpfile/bin/run" ./kdumpfile_hash "${@:3}"
	fi > "hash.$1.$2" 2>&1
}

# two COMMAND...: in the background, two at a time.
two()
{
	while [[ $(jobs -r | wc -l) -ge 2 ]]; do
		wait -n
	done
	"$@" &
}

libdir=$(dirname "$(find "$kdumpfile/root/" -name libkdumpfile.so)")
check 'the hash is built with the newest libkdumpfile' gcc -O2 -D_GNU_SOURCE -o kdumpfile_hash \
	-isystem "$kdumpfile/root/usr/include" "$top/tests/oracle/kdumpfile_hash.c" \
	-L "$libdir" -Wl,--allow-shlib-undefined -lkdumpfile -laddrxlat
theirs new -R whole.flat < ours.flat > /dev/null 2>&1
check 'the split dump is put together' theirs new --reassemble "${split[@]}" whole.split
for age in old new; do
	two hash $age md.lzo md.lzo
	two hash $age md.elf md.elf
	for name in $CODECS elf; do
		two hash $age "$name" "ours.$name"
	done
	two hash $age split "${split[@]}"
	two hash $age reassembled whole.split
done
# 0.5.1 does not know the flattened format; 0.5.6 does.
two hash new flat ours.flat
two hash new elf-flat ours.elf-flat
wait

# same_hash AGE NAME: every page was read, and is what the same makes of makedumpfile's dump.
same_hash()
{
	local reference=md.lzo
	[[ $2 != *elf* ]] || reference=md.elf
	cat "hash.$1.$2"
	grep -qE ' pages [1-9][0-9]* .* failed 0 ' "hash.$1.$2" &&
		cmp "hash.$1.$reference" "hash.$1.$2"
}
for name in $CODECS elf split reassembled; do
	check "libkdumpfile reads the pages of $name" same_hash old "$name"
done
for name in $CODECS elf split reassembled flat elf-flat; do
	check "the newest libkdumpfile reads the pages of $name" same_hash new "$name"
done
check 'all pages: both libraries agree' cmp hash.old.md.lzo hash.new.md.lzo
diag "$(cat hash.new.md.lzo)"
done_with libkdumpfile

# ---- crash ----

# transcript AGE NAME FILE [PART...]: what it says of a dump, in transcript.AGE.NAME.
transcript()
{
	local file parts=()
	for file in "${@:4}"; do
		parts+=(-s "$file")
	done
	PATH=${crash[$1]%/*}:$PATH "$top/tests/oracle/crash-transcript" "${parts[@]}" "$vm_debug" \
		"$3" > "transcript.$1.$2" 2> "transcript.$1.$2.bad"
}

for age in old new; do
	two transcript $age md.lzo md.lzo
	for name in $CODECS elf flat; do
		two transcript $age "$name" "ours.$name"
	done
	two transcript $age split "${split[@]}"
	two transcript $age reassembled whole.split
done
wait
for age in old new; do
	said=transcript.$age.md.lzo
	diag "$(env -i PATH="${crash[$age]%/*}:$PATH" crash --version 2>&1 | grep -m 1 .)"
	check 'crash opens the reference, to the end' grep -qx '### end of transcript' "$said"
	check 'it has the stack of the crash' grep -q 'sysrq_handle_crash' "$said"
	check 'and the log' grep -q 'Kernel panic - not syncing' "$said"
	for name in $CODECS elf flat split reassembled; do
		check "crash says the same of $name" \
			diff "$said" "transcript.$age.$name"
	done
done
done_with crash
finish
