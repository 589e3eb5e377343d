#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# crash.t: one machine of 2 GB, with pages of every class and a pattern planted in the memory of its
# kernel, ends with a real oops. What lifeboat brings back is held against what the console said,
# against a raw copy of the same /proc/vmcore, and against the dump that makedumpfile made in the
# same capture; all readers of dumps must see the same in both. Time and peak memory of both
# programs are told; only the memory is judged.

set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

readonly HWM_MAX_KIB=16384
readonly PATTERN_WORDS=512

vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
lab=$vm_dir/lab
console=$lab/console.log
raw=$vm_dir/vmcore
kdumpcmp=$vm_oracle/kdumpcmp
makedumpfile=$(PATH=$PATH:/sbin:/usr/sbin command -v makedumpfile) || bail 'makedumpfile is there'
newest=$(scripts/tool fetch sid/makedumpfile 2> "$vm_dir/tool.log") ||
	bail 'the newest makedumpfile is there'
newest=$newest/bin/makedumpfile

# ---- the crash ----

vm_raw_disk "$raw" 2G
if ! check 'the machine crashes, is captured and comes back' \
	scripts/lab crash --kernel "$vm_kernel" --memory 2G --cpus 2 --workload workload \
	--guest-init tests/vm/guest/oops-init \
	--guest-extra "$vm_module:/lib/modules/lifeboat_test.ko" \
	--capture-hook tests/vm/guest/crash-hook \
	--capture-extra "$makedumpfile:/bin/makedumpfile" \
	--capture-extra "$LIFEBOAT_OUT/tests/vm/guest/measure:/bin/measure" \
	"${vm_raw_arguments[@]}" --keep-disk --out "$lab"; then
	tail -n 15 "$console" | diag_input
	finish
fi
check_is 'all stages are reached, in order' 'boot load panic capture commit reboot ' \
	"$(awk '{ printf "%s ", $1 }' "$lab/stages")"
diag "stages: $(awk '{ printf "%s %s s  ", $1, $2 }' "$lab/stages")"
check 'the raw copy of /proc/vmcore is whole' vm_cut_raw "$raw" "$console"

dirs=("$lab"/disk/crash/[0-9]*)
dir=${dirs[0]}
name=$(basename "$dir")
check_is 'there is one directory of a crash' 1 "${#dirs[@]}"
ours=$dir/vmcore
theirs=$lab/disk/crash/oracle/md
[[ -s $ours && -s $theirs ]] || bail "both dumps are there: $ours $theirs"

# ---- what is in the directory ----

check_is 'it holds the artefacts and nothing else' \
	'collect.log manifest.json panic.txt vmcore vmcore-dmesg.txt ' "$(cd "$dir" && printf '%s ' *)"
crashtime=$(grep -aom 1 'CRASHTIME=[0-9]*' "$ours" | cut -d = -f 2)
check_is 'its name is address and time of the crash, as the notes have it' \
	"127.0.0.1-$(date -u -d "@$crashtime" +%Y-%m-%d-%H:%M:%S)" "$name"

# The mode in the image itself: debugfs gives what it brings back a mode of its own making.
mode_of()
{
	PATH=$PATH:/sbin:/usr/sbin debugfs -R "stat \"$1\"" "$lab/disk.img" 2> /dev/null |
		sed -n 's/.*Mode: *\([0-7]*\).*/\1/p; s/^User: *\([0-9]*\).*/of \1/p' | tr '\n' ' '
}

check_is 'the directory is closed to others' '0700 of 0 ' "$(mode_of "/var/crash/$name")"
for file in vmcore vmcore-dmesg.txt manifest.json collect.log; do
	check_is "$file is closed to others" '0600 of 0 ' "$(mode_of "/var/crash/$name/$file")"
done

# manifest TEXT FILTER EXPECTED
manifest()
{
	check_is "manifest: $1" "$3" "$(jq -r "$2" "$dir/manifest.json" 2>&1)"
}

manifest 'the dump is complete' .status complete
manifest 'kernel release' .crash.release "$(cat "$vm_kernel/release")"
manifest 'CPUs' .crash.cpus 2
manifest 'time of the crash' .crash.time "$crashtime"
manifest 'first line of the oops' .crash.panic 'Oops: 0002 [#1] PREEMPT SMP NOPTI'
manifest 'size of the dump' .dump.bytes "$(stat -c %s "$ours")"
manifest 'level' .dump.level 31
manifest 'pages written are those kept' '.pages.kept == .pages.written' true
manifest 'every page is kept or has a class' \
	'.pages | .memory == .kept + ([.excluded[]] | add)' true
manifest 'no page was unreadable' \
	'.pages.struct_page_unreadable + .pages.sections_unreadable + .capture.read_errors' 0
manifest 'size of the log' .log.bytes "$(stat -c %s "$dir/vmcore-dmesg.txt")"
peak=$(jq .capture.peak_memory_kib "$dir/manifest.json")
check "peak memory in the manifest, $peak KiB, is at most $HWM_MAX_KIB" \
	test "$peak" -gt 0 -a "$peak" -le "$HWM_MAX_KIB"

# ---- the dump against makedumpfile's and the raw copy ----

check 'it has the page set, pages, headers and notes of makedumpfile' "$kdumpcmp" "$ours" "$theirs"
check 'so has a dump made by flags' "$kdumpcmp" "$lab/disk/crash/oracle/lc" "$theirs"
check 'so has a dump made with no flag' "$kdumpcmp" "$lab/disk/crash/oracle/df" "$theirs"
check 'it is well formed' "$kdumpcmp" --check "$ours"
check 'every page is that of /proc/vmcore' "$kdumpcmp" --core "$raw" "$ours"
check 'the log is the one that makedumpfile reads from /proc/vmcore' \
	cmp "$dir/vmcore-dmesg.txt" "$lab/disk/crash/oracle/dmesg"
rm -f "$vm_dir/dmesg"
# Codecs mix in it, and Debian's own makedumpfile knows no zstd.
check 'the newest makedumpfile reads the log from the dump' \
	"$newest" --dump-dmesg "$ours" "$vm_dir/dmesg"
# It writes who printed a line, too, and indents what follows a line break accordingly.
plain_log()
{
	sed 's/^\(\[ *[0-9.]*\] \)\[ *[TC][0-9]*\] /\1/; s/^ *//' "$1"
}
check_is 'and it is the same' "$(plain_log "$dir/vmcore-dmesg.txt" | cksum)" \
	"$(plain_log "$vm_dir/dmesg" | cksum)"
check 'the log has the oops' grep -q 'RIP: 0010:lifeboat_test_oops' "$dir/vmcore-dmesg.txt"

# ---- what was planted ----

# The pattern of tests/vm/module, computed anew: 64-bit arithmetic of the shell wraps around.
pattern_word()
{
	printf '%016x' $((($1 + 1) * 0x9e3779b97f4a7c15 ^ 0x6c62272e07bb0142))
}

# Words as the bytes lie in memory, in hexadecimal.
pattern_bytes()
{
	local i word at
	for ((i = 0; i < $1; i++)); do
		word=$(pattern_word "$i")
		for ((at = 14; at >= 0; at -= 2)); do
			printf '%s' "${word:at:2}"
		done
	done
}

# hits DUMP HEX: how often it stands in the pages of the dump.
hits()
{
	"$kdumpcmp" --limit 0 --grep "$2" "$1" | sed -n 's/.* hits \([0-9]*\)$/\1/p'
}

# has TEXT DUMP MINIMUM HEX
has()
{
	local found
	found=$(hits "$2" "$4")
	check "$1 (${found:-no answer} times)" test "${found:-0}" -ge "$3"
}

level0=$vm_dir/level0
check 'a dump of level 0 is made of the raw copy' \
	"$LIFEBOAT_OUT/lifeboat-collect" -l -d 0 "$raw" "$level0"
has 'the pattern of the module is in the dump, in both places' "$ours" 2 "$(pattern_bytes 32)"

marker()
{
	console_value "$console" "workload: marker $1 "
}

for kind in pipe socket key; do
	has "level 31 has data of the kernel: $kind" "$ours" 16 "$(marker "$kind")"
done
for kind in anon thp hugetlb tmpfs cache; do
	check_is "level 31 has no $kind memory" 0 "$(hits "$ours" "$(marker "$kind")")"
	has "level 0 has it" "$level0" 1 "$(marker "$kind")"
done
# What a CPU has on its own list of free pages is not marked as free, so some of it stays.
freed31=$(hits "$ours" "$(marker freed)")
freed0=$(hits "$level0" "$(marker freed)")
check "level 31 has less than half the freed memory ($freed31 times) of level 0 ($freed0 times)" \
	test "$((freed31 * 2))" -lt "$freed0"
rm -f "$level0"

# ---- registers ----

# The console's "NAME: VALUE" of the oops as lines "name=value"; RSP and RIP come with a segment.
oops_registers()
{
	tr -d '\r' < "$console" | sed -n '/ \[#1\]/,/Modules linked in/p' |
		grep -oE '\b(R[A-Z0-9]+|EFLAGS|CS): +[0-9a-fA-F:]+' |
		sed -E 's/: +(00[0-9a-f]{2}:)?/=/' | tr '[:upper:]' '[:lower:]' |
		grep -v '^rip=' | sort -u
}

tests/vm/prstatus "$ours" > "$vm_dir/prstatus"
check_is 'there are registers of two CPUs' 2 "$(wc -l < "$vm_dir/prstatus")"
oops_registers > "$vm_dir/registers"
while IFS='=' read -r register value; do
	found=$(sed -n "2s/.* $register=\([0-9a-f]*\).*/\1/p" "$vm_dir/prstatus")
	check_is "CPU 1 had $register as the console says" \
		"$(printf '%016x' "0x$value")" "${found:-nothing}"
done < "$vm_dir/registers"
check_is 'that was the whole set' 18 "$(wc -l < "$vm_dir/registers")"
check_is 'the task on CPU 1 is that of the console' \
	"$(console_value "$console" 'CPU: 1 PID: ' | cut -d ' ' -f 1)" \
	"$(sed -n '2s/.* pid=\([0-9]*\) .*/\1/p' "$vm_dir/prstatus")"
# The workload's thread keeps CPU 0 busy in a loop of its own; the NMI may still find it in an
# interrupt.
pid=$(sed -n '1s/.* pid=\([0-9]*\) .*/\1/p' "$vm_dir/prstatus")
diag "CPU 0: $(grep -oE '(pid|rip|cs|rsp)=[0-9a-f]+' "$vm_dir/prstatus" | head -n 4 | tr '\n' ' ')"
check 'CPU 0 was in a task of its own' test "${pid:-0}" -gt 0

# ---- other programs read it ----

patterns=("$(console_value "$console" 'lifeboat_test: pattern kmalloc ' | cut -d ' ' -f 1)"
	"$(console_value "$console" 'lifeboat_test: pattern static ' | cut -d ' ' -f 1)")
# crash may complain about a kernel whatever the dump; what it says of makedumpfile's is forgiven.
: > "$vm_dir/known"
transcript()
{
	tests/oracle/crash-transcript -p "$pid" -k "$vm_dir/known" "$vm_debug" "$1" \
		"${patterns[0]}:$PATTERN_WORDS" "${patterns[1]}:$PATTERN_WORDS" > "$2" 2> "$2.bad"
}
transcript "$theirs" "$vm_dir/transcript.theirs" &
transcript "$ours" "$vm_dir/transcript.ours" &
"$vm_oracle/kdumpfile_hash" "$theirs" > "$vm_dir/hash.theirs" 2>&1
"$vm_oracle/kdumpfile_hash" "$ours" > "$vm_dir/hash.ours" 2>&1
wait

said=$vm_dir/transcript.ours
grep -v '^crash-transcript: ' "$vm_dir/transcript.theirs.bad" | sort -u > "$vm_dir/known"
diag "crash complains about makedumpfile's dump in $(wc -l < "$vm_dir/known") ways:"
diag_input < "$vm_dir/known"
check 'crash came to its end' grep -qx '### end of transcript' "$said"
check 'it says the same about both dumps' cmp "$vm_dir/transcript.theirs" "$said"
check 'it has no other complaint about ours' cmp "$vm_dir/transcript.theirs.bad" "$said.bad"

# section NAME: what crash said to a command.
section()
{
	awk -v title="### $1" '/^### / { on = index($0, title) == 1; next } on' "$said"
}

# said TEXT SECTION EXPRESSION
said()
{
	section "$2" > "$vm_dir/section"
	check "crash: $1" grep -qE -e "$3" "$vm_dir/section"
}

said 'sys has the release' sys "RELEASE: $(cat "$vm_kernel/release")$"
said 'sys has the oops' sys 'PANIC: "Oops: 0002 \[#1\]'
said 'bt has the place of the oops' 'bt -a' '\[exception RIP: lifeboat_test_oops\+'
said 'bt has what led there' 'bt -a' '^ *#[0-9]+ .* process_one_work at '
said 'bt has the other CPU in the workload' 'bt -a' 'CPU: 0 +COMMAND: "workload"'
said 'ps has the workload' ps '^> .* workload$'
said 'ps has the worker that crashed' ps '^> .* \[kworker/1:'
said 'log has the pattern' log "lifeboat_test: pattern kmalloc ${patterns[0]} size"
said 'mod has the module' mod ' lifeboat_test '
said 'kmem has the memory' 'kmem -i' '^ *TOTAL MEM +[0-9]{6}'
said 'files has the pipes of the workload' 'files ' '^ +[0-9]+ .* FIFO'
said 'mount has the disk' mount ' ext4 +/dev/vda +/disk'

# What `rd` shows of an address, as words.
words_of()
{
	section "rd $1 " | sed -n 's/^[0-9a-f]*: *\([0-9a-f]\{16\}\) \([0-9a-f]\{16\}\).*/\1\n\2/p'
}
for ((i = 0; i < PATTERN_WORDS; i++)); do
	pattern_word "$i"
	echo
done > "$vm_dir/words"
for address in "${patterns[@]}"; do
	words_of "$address" > "$vm_dir/words.found"
	check "crash: rd $address is what the module planted" cmp "$vm_dir/words" "$vm_dir/words.found"
done

# The address of RIP, which the console gives by name only.
printf 'sym %s\nquit\n' "$(sed -n '2s/.* rip=\([0-9a-f]*\) .*/\1/p' "$vm_dir/prstatus")" \
	> "$vm_dir/sym.in"
timeout 120 crash -s -i "$vm_dir/sym.in" "$vm_debug" "$ours" > "$vm_dir/sym" 2>&1 < /dev/null
console_rip=$(console_value "$console" 'RIP: 0010:')
check_is 'CPU 1 had rip as the console says' "${console_rip%%/*}" \
	"$(sed -n 's/.* \(lifeboat_test_oops+\)\([0-9]*\).*/\1 \2/p' "$vm_dir/sym" |
		awk '{ printf "%s0x%x", $1, $2 }')"

check_is 'libkdumpfile reads the same from both' "$(cat "$vm_dir/hash.theirs")" \
	"$(cat "$vm_dir/hash.ours")"
check 'and every page of it' \
	grep -qE '^release .* pages [1-9][0-9]* .* failed 0 ' "$vm_dir/hash.ours"
diag "$(cat "$vm_dir/hash.ours")"

drgn_of()
{
	tests/oracle/drgn-open -f lifeboat_test_oops "$vm_debug" "$1" "$vm_module"
}
check 'drgn opens it, with the stack of the oops' drgn_of "$ours"
cp "$vm_dir/check.out" "$vm_dir/drgn.ours"
drgn_of "$theirs" > "$vm_dir/drgn.theirs" 2>&1
check 'drgn says the same about both' cmp "$vm_dir/drgn.theirs" "$vm_dir/drgn.ours"
diag_input < "$vm_dir/drgn.ours"

# ---- time and memory ----

# measured LABEL FIELD: the values of the rounds.
measured()
{
	tr -d '\r' < "$console" | sed -n "s/^measure: $1 exit=0 .*$2=\([0-9]*\).*/\1/p"
}

best()
{
	sort -n | head -n 1
}

median()
{
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# Milliseconds as seconds.
seconds()
{
	awk -v ms="${1:-0}" 'BEGIN { printf "%.2f", ms / 1000 }'
}

# The larger of the two ways to count, since each may count too little.
memory()
{
	{ measured "$1" hwm_kib; measured "$1" maxrss_kib; } | sort -n | tail -n 1
}

diag 'three rounds each, in turn; seconds of best and median round, until all is on the disk:'
declare -A title=([md]='makedumpfile -l -d 31' [lc]='lifeboat-collect -l -d 31'
	[df]='lifeboat-collect')
for label in md lc df; do
	check_is "${title[$label]} ran to its end three times" 3 "$(measured "$label" durable_ms | wc -l)"
	diag "$(printf '%-26s best %6s  median %6s  (user %s, system %s)  VmHWM %s KiB' \
		"${title[$label]}" "$(seconds "$(measured "$label" durable_ms | best)")" \
		"$(seconds "$(measured "$label" durable_ms | median)")" \
		"$(seconds "$(measured "$label" user_ms | median)")" \
		"$(seconds "$(measured "$label" system_ms | median)")" "$(memory "$label")")"
done
for label in lc df; do
	diag "$(awk -v a="$(measured md durable_ms | best)" -v b="$(measured "$label" durable_ms | best)" \
		-v c="$(measured md durable_ms | median)" \
		-v d="$(measured "$label" durable_ms | median)" -v name="${title[$label]}" '
		BEGIN { if (a && c) printf "time of %s / makedumpfile: best %.2f, median %.2f", \
			name, b / a, d / c }')"
	peak=$(memory "$label")
	check "peak memory of ${title[$label]}, ${peak:-0} KiB, is at most $HWM_MAX_KIB" \
		test "${peak:-0}" -gt 0 -a "${peak:-0}" -le "$HWM_MAX_KIB"
done
rm -f "$raw" "$lab/disk.img"
finish
