#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# faults: what goes wrong at a crash, made to go wrong in QEMU. Whatever it is, the machine comes
# back, the exit code is the documented one, one line says what failed, the log of the dead
# kernel is safe, and what was saved of a dump that is not whole can be opened.
#
#   tests/vm/faults.t [CASE...]       (default: all; LAB_JOBS=N at a time, 2)

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1

out=${LIFEBOAT_OUT:-build/out}
build=${LIFEBOAT_BUILD:-build}
kdumpcmp=$out/tests/oracle/kdumpcmp
tamper=$out/tests/vm/guest/tamper
cases=(refusals odd_config renamed_note destroyed_text cut_core huge_note no_device disk_full
	ladder read_only killed crashing)
[[ $# = 0 ]] || cases=("$@")

bail()
{
	printf 'Bail out! %s\n' "$*"
	exit 1
}

[[ -x $kdumpcmp && -x $tamper ]] || bail 'run make oracle-tools guest-tools first'
kernel=$(scripts/kernel fetch --debug "${FAULTS_KERNEL:-6.1-cloud}") || bail 'there is no kernel'
mkdir -p "$build/lab" || exit 1
work=$(mktemp -d "$build/lab/faults.XXXXXX") || exit 1
work=$(realpath "$work")
failed=0
cleanup()
{
	# shellcheck disable=SC2046 # one word a job
	[[ -z $(jobs -pr) ]] || kill $(jobs -pr)
	wait
	[[ $failed != 0 ]] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- what a case is made of; all of it works on $dir, the case's own ----

# crash NAME=VALUE... of scripts/lab: crashes the machine; its exit code is in $code.
crash()
{
	scripts/lab crash --kernel "$kernel" --memory 512M --cpus 1 --quiet --out "$dir" "$@" \
		> "$dir/lab.txt" 2>&1
	code=$?
	tr '\r' '\n' < "$dir/console.log" > "$dir/console"
}

# ok TEXT COMMAND...: a test that is passed when the command succeeds.
ok()
{
	local text=$1
	shift
	if "$@" > "$dir/ok.txt" 2>&1; then
		printf 'ok - %s: %s\n' "$name" "$text"
	else
		printf 'not ok - %s: %s\n' "$name" "$text"
		printf '# %s\n' "$*"
		sed 's/^/#   /' "$dir/ok.txt" | head -n 20
	fi
}

on_console()
{
	grep -aqE "$1" "$dir/console"
}

# What the collector says that is neither news nor a warning: its errors.
errors()
{
	grep -a '^lifeboat-collect: ' "$dir/console" | sed 's/^lifeboat-collect: //' | grep -avE \
		-e '^warning: ' -e '^ *[0-9]+ %, ' -e '^[0-9]+ CPUs? at work' -e '^[0-9]+ workers would wait ' \
		-e '^(not )?packed' -e ' of Linux .* ranges of memory$' \
		-e '^(log saved|planning|memory|memory [0-9]+ pages|excluded [a-z_]+): ?' \
		-e '^memory [0-9]+ pages, kept ' -e '^not in the input: ' -e '^saving [0-9]+ of [0-9]+ pages ' \
		-e '^[0-9]+ bytes in ' -e '^committed ' -e '^(final|failure)_action: ' \
		-e '^(failed|dmesg-only): no dump was saved$' \
		-e '^mini-core: no dump but the mini-core was saved$' -e '^mini-core saved: ' \
		-e '^panic record: ' -e '^next: ' -e '^attempt [0-9]+: ' -e "^watchdog '" \
		-e '^incomplete: what was saved is in vmcore-incomplete$' \
		-e '^the log could not be saved; it follows$' -e '^end of the log$'
}

one_error()
{
	local text
	text=$(errors)
	printf '%s\n' "$text"
	[[ -n $text && $text != *$'\n'* && $text =~ $1 ]]
}

no_error()
{
	! errors
}

# The machine came back, with collector exit code $1 (lab: 0 complete, 3 not).
came_back()
{
	local lab=3
	[[ $1 != 0 ]] || lab=0
	ok 'the machine comes back' grep -q '^reboot ' "$dir/stages"
	ok "the exit code is $1" on_console "^lifeboat: collector exit code $1\$"
	ok "a dump is complete only then (lab: $lab)" test "$code" = "$lab"
}

# The only file $1 that came back, or nothing.
saved()
{
	find "$dir/disk" -name "$1" 2> /dev/null
}

log_on_disk()
{
	ok 'the log is safe on the disk' grep -q 'Kernel panic - not syncing' \
		"$(saved vmcore-dmesg.txt)"
}

log_on_console()
{
	sed -n '/^lifeboat-collect: the log could not be saved/,/^lifeboat-collect: end of/p' \
		"$dir/console" > "$dir/log"
	ok 'the log is safe on the console' grep -q 'Kernel panic - not syncing' "$dir/log"
	ok 'its end is marked' grep -q 'end of the log' "$dir/log"
}

# The text is in the pages of the dump.
dump_holds()
{
	"$kdumpcmp" --limit 1 --grep "$(printf '%s' "$1" | od -An -tx1 | tr -d ' \n')" \
		"$(saved vmcore)"
}

manifest_says()
{
	jq -e "$1" "$(saved manifest.json)"
}

# $1 is complete or incomplete; more words are for kdumpcmp --check.
sound()
{
	local status=$1 dump=vmcore no=vmcore-incomplete
	shift
	[[ $status = complete ]] || dump=vmcore-incomplete no=vmcore
	ok "the dump is called $dump" test -f "$(saved "$dump")"
	ok "nothing is called $no" test -z "$(saved "$no")"
	ok 'its index is valid' "$kdumpcmp" --check "$@" "$(saved "$dump")"
	cp "$dir/ok.txt" "$dir/check.txt"
	ok "the manifest calls it $status" manifest_says ".status == \"$status\""
}

# crash(8) opens dump $1 with further option $2, and answers to `log` and `rd`.
opens()
{
	printf 'log\nsys\nrd linux_banner 4\nquit\n' > "$dir/crash.in"
	# shellcheck disable=SC2086 # the option may be none
	timeout 120 crash -s $2 -i "$dir/crash.in" "$kernel/vmlinux" "$(saved "$1")" \
		< /dev/null > "$dir/crash.txt" 2>&1
	ok 'crash opens it and reads the log' grep -q 'Kernel panic - not syncing' "$dir/crash.txt"
	ok 'crash reads memory' grep -q 'Linux version' "$dir/crash.txt"
}

traces()
{
	printf 'sys\nbt\nlog\nquit\n' > "$dir/crash.in"
	timeout 120 crash -s -i "$dir/crash.in" "$kernel/vmlinux" "$(saved "$1")" \
		< /dev/null > "$dir/crash.txt" 2>&1
	ok 'crash opens it: sys' grep -q 'PANIC: "Kernel panic - not syncing' "$dir/crash.txt"
	ok 'crash: bt' grep -qE '#[0-9]+ \[[0-9a-f]+\] (sysrq_handle_crash|panic) ' "$dir/crash.txt"
	ok 'crash: log' grep -q '\] Kernel panic - not syncing' "$dir/crash.txt"
}

# Crashes a machine whose collector reads a copy of /proc/vmcore that was changed by
# `tamper CORE $1`; more words are for scripts/lab.
tampered()
{
	local how=$1
	shift
	PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext4 "$dir/scratch.img" 1G > /dev/null 2>&1
	cat > "$dir/hook" << END
#!/bin/sh
mkdir -p /scratch
mount -t ext4 /dev/vdb /scratch && cat /proc/vmcore > /scratch/core &&
	tamper /scratch/core $how && mount --bind /scratch/core /proc/vmcore &&
	printf 'hook: tampered\n'
END
	crash --capture-hook "$dir/hook" --capture-extra "$tamper:/bin/tamper" --qemu -drive \
		--qemu "file=$dir/scratch.img,if=virtio,format=raw,cache=unsafe" "$@"
	rm -f "$dir/scratch.img"
	ok 'the core was tampered with' on_console '^hook: tampered'
}

# ---- the cases ----

# An unknown key is told before anything else is looked at; then there is no reservation.
case_refusals()
{
	printf 'ext4 LABEL=dump\npath /var/crash\n# a misspelt one\ncore_colector makedumpfile\n' \
		> "$dir/bad.conf"
	cat > "$dir/hook" << 'END'
load_may_fail=1
lab_before_load()
{
	lifeboat --config /etc/bad.conf load
	printf '\nlab: the bad one returned %d\n' "$?"
}
END
	crash --crashkernel none --guest-init "$dir/hook" \
		--guest-extra "$dir/bad.conf:/etc/bad.conf"
	grep -a '^lifeboat: ' "$dir/console" > "$dir/said"
	ok 'the unknown key has exit code 2' on_console '^lab: the bad one returned 2$'
	ok 'one line names file, line and key' \
		test "$(grep -c '/etc/bad.conf:4: .*core_colector' "$dir/said")" = 1
	ok 'no reservation has exit code 1' on_console '^lab: load returned 1$'
	ok 'one sentence names the remedy' test "$(grep -c 'crashkernel=' "$dir/said")" = 1
	ok 'nothing else is said' test "$(wc -l < "$dir/said")" = 2
	ok 'the lab calls it refused' test "$code" = 4
}

# The same key in the capture kernel, where it is too late to refuse.
case_odd_config()
{
	printf 'ext4 LABEL=dump\npath /var/crash\ncore_colector makedumpfile\n' > "$dir/odd.conf"
	crash --capture-extra "$dir/odd.conf:/etc/lifeboat.conf"
	came_back 0
	ok 'a warning names file, line and key' \
		on_console '^lifeboat-collect: warning: /etc/lifeboat.conf:3: .*core_colector'
	ok 'it is no error' no_error
	sound complete
	log_on_disk
}

case_renamed_note()
{
	tampered rename-note
	came_back 0
	ok 'a warning says where vmcoreinfo came from' \
		on_console '^lifeboat-collect: warning: no usable VMCOREINFO note'
	ok 'it is no error' no_error
	sound complete
	ok 'pages were left out as ever' manifest_says \
		'.dump.effective_level == 31 and .pages.kept < .pages.memory / 2'
	log_on_disk
	ok 'the manifest tells it' manifest_says '.crash.vmcoreinfo == "memory scan"'
	traces vmcore
}

# Without any vmcoreinfo nothing is known of the kernel: the dump is all of its memory.
case_destroyed_text()
{
	tampered destroy-text
	came_back 0
	ok 'a warning says that there is none' on_console \
		'^lifeboat-collect: warning: .*no usable vmcoreinfo in [0-9]+ MiB of memory'
	ok 'another, that nothing is left out' on_console \
		'^lifeboat-collect: warning: nothing but zero pages is excluded: no vmcoreinfo'
	ok 'it is no error' no_error
	ok 'the dump is called vmcore' test -f "$(saved vmcore)"
	ok 'the manifest calls it complete' manifest_says '.status == "complete"'
	ok 'all pages are in it' manifest_says \
		'.pages.kept == .pages.memory and .dump.effective_level == 1'
	# Nobody knows where it is; but it is there.
	ok 'the log is safe in the dump' dump_holds 'Kernel panic - not syncing: sysrq'
	ok 'an empty file of the log is not left' test -z "$(saved vmcore-dmesg.txt)"
}

case_cut_core()
{
	# Without KASLR the kernel image, and its log, are not in what is cut.
	tampered 'cut 50' --append nokaslr
	came_back 3
	ok 'a warning says where it ends' on_console \
		'^lifeboat-collect: warning: /proc/vmcore: PT_LOAD [0-9]+: .* the file ends at .*: cut'
	ok 'one line says that it is not whole' one_error 'the input is not whole'
	sound incomplete
	log_on_disk
	# The page tables were at the very end of memory.
	opens vmcore-incomplete --minimal
}

case_huge_note()
{
	# The note of the second CPU: it and vmcoreinfo behind it cannot be found any more.
	tampered huge-note --cpus 2
	came_back 0
	ok 'a warning names the note and its size' on_console \
		'^lifeboat-collect: warning: /proc/vmcore: damaged notes: .*(4294967280|0xfffffff0)'
	ok 'it is no error' no_error
	sound complete
	ok 'pages were left out as ever' manifest_says \
		'.dump.effective_level == 31 and .pages.kept < .pages.memory / 2'
	log_on_disk
	traces vmcore
}

case_no_device()
{
	printf 'ext4 LABEL=nosuch\ndevice_timeout 5\n' > "$dir/conf"
	crash --conf "$dir/conf"
	came_back 1
	ok 'one line names the target and the devices that are there' one_error \
		'LABEL=nosuch: no such device after 5 seconds \(there are: .*vda'
	log_on_console
}

case_disk_full()
{
	# Of a small machine the kernel image is most of what there is to save. Of this one's dump,
	# some 45 MB, two thirds have room.
	crash --memory 2G --disk-size 38M
	came_back 3
	ok 'one line says that the disk is full' one_error 'No space left on device'
	sound incomplete --holes
	ok 'pages are lost, and it says so' grep -qE 'lost [1-9]' "$dir/check.txt"
	log_on_disk
	ok 'the log of the run is there, too' grep -q 'No space left' "$(saved collect.log)"
	# It took the room of the first classes of pages of the dump, which are the same.
	ok 'the mini-core is there, too' manifest_says '.tiers.mini == "committed"'
	traces vmcore-mini
}

case_ladder()
{
	printf 'ext4 LABEL=dump\npath /var/crash\ncore_collector lifeboat-collect -d 1,31\n' \
		> "$dir/conf"
	crash --conf "$dir/conf" --disk-size 44M
	came_back 0
	ok 'one line says what did not fit, and what is next' one_error \
		'No space left on device; trying dump level 31$'
	sound complete
	ok 'it is of the second level' manifest_says '.dump.level == 31'
	log_on_disk
	traces vmcore
}

case_read_only()
{
	PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext4 -L dump "$dir/ro.img" 64M > /dev/null 2>&1
	crash --disk-size none --qemu -drive \
		--qemu "file=$dir/ro.img,if=virtio,format=raw,readonly=on"
	rm -f "$dir/ro.img"
	came_back 1
	ok 'one line says so' one_error '^target ext4 LABEL=dump: /dev/vda is read-only'
	log_on_console
}

# Killed in the middle of the dump: nobody is left to say so but /init.
case_killed()
{
	cat > "$dir/hook" << 'END'
#!/bin/sh
(
	until [ -n "$(busybox find /proc/[0-9]*/root/run/lifeboat/target -name vmcore-incomplete -size +4096 2> /dev/null)" ]; do
		busybox usleep 100000
	done
	printf '\nhook: killing it\n'
	busybox killall -9 lifeboat-collect
) &
END
	crash --capture-hook "$dir/hook"
	came_back 137
	ok 'it was killed' on_console '^hook: killing it'
	ok '/init says so' on_console '^lifeboat: lifeboat-collect ended abnormally, status 137'
	log_on_disk
	ok 'what was written is called incomplete' test -s "$(saved vmcore-incomplete)"
	ok 'its index is valid' "$kdumpcmp" --check --holes "$(saved vmcore-incomplete)"
	ok 'nothing is called vmcore' test -z "$(saved vmcore)"
}

# Nothing of the collector works at all.
case_crashing()
{
	cat > "$dir/hook" << 'END'
#!/bin/sh
printf '#!/bin/sh\nkill -SEGV $$\n' > /bin/lifeboat-collect
END
	crash --capture-hook "$dir/hook"
	came_back 139
	ok '/init says so' on_console '^lifeboat: lifeboat-collect ended abnormally, status 139'
	ok '/init acts by itself' on_console '^lifeboat: final action did not happen'
}

# ---- all of them ----

run_case()
{
	local name=$1 dir=$work/$1
	mkdir "$dir"
	"case_$name" > "$work/$name.tap"
}

running=0
for name in "${cases[@]}"; do
	if ((running >= ${LAB_JOBS:-2})); then
		wait -n
		running=$((running - 1))
	fi
	run_case "$name" &
	running=$((running + 1))
done
wait

n=0
for name in "${cases[@]}"; do
	bad=0
	while IFS= read -r line; do
		case $line in
		'ok - '*) printf 'ok %d%s\n' $((++n)) "${line#ok}" ;;
		'not ok - '*) printf 'not ok %d%s\n' $((++n)) "${line#not ok}"; bad=1 ;;
		*) printf '%s\n' "$line" ;;
		esac
	done < "$work/$name.tap"
	if ((bad)); then
		failed=1
		printf '# %s: see %s; the lab said:\n' "$name" "$work/$name"
		sed 's/^/#   /' "$work/$name/lab.txt"
	fi
done
printf '1..%d\n' "$n"
exit "$failed"
