#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# important.t: what a dump is worth that was cut off. A machine of 4 GB with many tasks, full pipes
# and many files crashes. Of its /proc/vmcore both lifeboat-collect and makedumpfile make a dump, and
# both are cut after the same part of their page data, as a power cut or a deadline does. Of ours,
# cut at 25 %, crash must say of `bt -a`, `ps` and `log` what it says of the whole dump. What it
# says of the others is a table of diagnostics. The same once more with a disk that is really full.
# And the mini-core, a dump of those first pages and nothing else, gets the same answers.

# What check_fails calls is not seen to be called.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

readonly SECTIONS='bt -a
ps
log'
readonly PERCENTS='10 25 50'
readonly JUDGED=25

vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
collect=$LIFEBOAT_OUT/lifeboat-collect
makedumpfile=$(PATH=$PATH:/sbin:/usr/sbin command -v makedumpfile) || bail 'makedumpfile is there'
crash=$(scripts/tool fetch sid/crash 2> "$vm_dir/tool.log")/bin
[[ -x $crash/crash ]] || bail "crash is there: $(tail -n 1 "$vm_dir/tool.log")"
PATH=$crash:$PATH

# ---- the crash, and both dumps ----

raw=$vm_dir/vmcore
trap 'umount "$vm_dir/small" 2> /dev/null; rm -f "$raw" "$vm_dir"/*.cut "$vm_dir"/*.whole' EXIT
vm_raw_disk "$raw" 6G
check 'the machine crashes, and is captured' scripts/lab crash --kernel "$vm_kernel" --memory 4G \
	--cpus 2 --workload workload --guest-init tests/vm/guest/busy-init \
	--capture-hook tests/vm/guest/raw-hook "${vm_raw_arguments[@]}" --out "$vm_dir/lab" || finish
check 'the raw copy of /proc/vmcore is whole' vm_cut_raw "$raw" "$vm_dir/lab/console.log" || finish
check 'our dump' "$collect" -l -d 31 "$raw" "$vm_dir/ours.whole" || finish
check 'the dump of makedumpfile' "$makedumpfile" -l -d 31 "$raw" "$vm_dir/theirs.whole" || finish

# ---- what crash says ----

# ask DUMP: all answers, in DUMP.said.
ask()
{
	timeout 300 tests/oracle/crash-transcript -b "$vm_debug" "$1" > "$1.said" 2> "$1.complaints"
}

# The answer to command $2 in transcript $1; nothing if it was not come to.
answer()
{
	awk -v title="### $2" '/^### / { on = $0 == title; next } on' "$1"
}

# Whether $1 has the answer of the whole dump to command $2: "equal", "differs" or "nothing".
verdict()
{
	answer "$1.said" "$2" > "$vm_dir/found"
	answer "$vm_dir/ours.whole.said" "$2" > "$vm_dir/wanted"
	if [[ ! -s $vm_dir/found ]]; then
		echo nothing
	elif cmp -s "$vm_dir/found" "$vm_dir/wanted"; then
		echo equal
	else
		echo differs
	fi
}

# judge DUMP TEXT: all answers are those of the whole dump.
judge()
{
	local section
	while read -r section; do
		check_is "$2: $section" equal "$(verdict "$1" "$section")" ||
			grep -v '^$' "$1.said" | diag_input
	done <<< "$SECTIONS"
}

check 'crash opens our whole dump' ask "$vm_dir/ours.whole" || finish
judge "$vm_dir/ours.whole" 'the answer can be found'
answer "$vm_dir/ours.whole.said" 'bt -a' > "$vm_dir/wanted"
check 'bt -a has the stack of the crash' grep -q sysrq_handle_crash "$vm_dir/wanted"
answer "$vm_dir/ours.whole.said" ps > "$vm_dir/wanted"
check 'ps has all tasks' test "$(grep -c ' sleep$' "$vm_dir/wanted")" -ge 250
check 'crash opens the whole dump of makedumpfile' ask "$vm_dir/theirs.whole" || finish
judge "$vm_dir/theirs.whole" 'it says the same of that of makedumpfile'

# ---- the mini-core ----

check 'the mini-core' "$collect" --mini "$raw" "$vm_dir/mini.whole" || finish
check 'its size is less than a third of the dump' \
	test $((3 * $(stat -c %s "$vm_dir/mini.whole"))) -lt "$(stat -c %s "$vm_dir/ours.whole")"
diag "mini-core: $(stat -c %s "$vm_dir/mini.whole") bytes, the dump: $(stat -c %s "$vm_dir/ours.whole")"
check 'crash opens the mini-core' ask "$vm_dir/mini.whole"
judge "$vm_dir/mini.whole" 'mini-core'

# Debian's crash is older than this kernel, and may complain; but of both in the same way.
ask_old()
{
	PATH=/usr/bin:/bin ask "$1"
	cp "$1.said" "$1.old"
	[[ -s $1.old ]]
}
check "Debian's crash opens the mini-core" ask_old "$vm_dir/mini.whole"
check "Debian's crash opens the dump" ask_old "$vm_dir/ours.whole"
check 'it says the same of both' cmp "$vm_dir/mini.whole.old" "$vm_dir/ours.whole.old"
check 'crash says the same again' ask "$vm_dir/ours.whole"

diag "$(printf '%-13s %4s  %-40s %-8s %-8s %s' dump cut saved 'bt -a' ps log)"
for percent in $PERCENTS; do
	for who in ours theirs; do
		cut=$vm_dir/$who.$percent.cut
		saved=$(tests/oracle/kdumpcut "$percent" "$vm_dir/$who.whole" "$cut")
		ask "$cut"
		diag "$(printf '%-13s %3s%%  %-40s %-8s %-8s %s' "$who" "$percent" "$saved" \
			"$(verdict "$cut" 'bt -a')" "$(verdict "$cut" ps)" "$(verdict "$cut" log)")"
		if [[ $who = ours && $percent -ge $JUDGED ]]; then
			judge "$cut" "cut at $percent %"
		fi
		rm -f "$cut"
	done
done

# ---- a disk that is full ----

# Room for the index and a quarter of the data.
data=$(tests/oracle/kdumpcut 100 "$vm_dir/ours.whole" "$vm_dir/all.cut" | sed 's/.* of \([0-9]*\) bytes/\1/')
room=$(($(stat -c %s "$vm_dir/ours.whole") - data + data * JUDGED / 100))
rm -f "$vm_dir/all.cut"

# collect_small COMMAND...: in a tmpfs of that size; what is there then is saved.
collect_small()
{
	local own=(unshare --mount)
	[[ $(id -u) = 0 ]] || own+=(--map-root-user)
	# In a chroot there may be no namespaces to be had; root can mount all the same.
	"${own[@]}" true 2> /dev/null || own=(env)
	mkdir -p "$vm_dir/small"
	# shellcheck disable=SC2016 # for the inner shell
	"${own[@]}" bash -c 'mount -t tmpfs -o "size=$0" tmpfs "$1/small" && cd "$1/small" && shift
		"$@"
		code=$?
		cp dump-incomplete ../full.cut
		cd .. && umount small
		exit $code' "$room" "$vm_dir" "$@"
}

check_fails 'the disk is full: exit code 3' 3 collect_small "$collect" -l -d 31 "$raw" dump
ask "$vm_dir/full.cut"
judge "$vm_dir/full.cut" "full at $JUDGED %"
finish
