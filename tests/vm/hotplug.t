#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hotplug: after the load a CPU goes and comes back, and 256 MiB of memory come; then the machine
# crashes. Each CPU's note and the new memory are in the dump, on a kernel that keeps what was loaded
# up to date itself (crash_hotplug) and on one that does not, where `lifeboat reload --if-changed`
# does, as udev would call it. `lifeboat status` tells before and after.

set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

readonly added=256 # MiB

cat > "$vm_dir/hook" << 'END'
# What status says of one check, and its exit code.
says()
{
	lifeboat status > /tmp/status
	code=$?
	printf '\nhook: %s: exit %d\n' "$1" "$code"
	sed -n "s/^/hook: $1: /p" /tmp/status
}

reload()
{
	printf '\nhook: reload: %s\n' "$(lifeboat reload --if-changed --settle=0 2>&1 | head -n 1)"
}

lab_after_load()
{
	for n in cpu memory; do
		printf '\nhook: crash_hotplug of %s: %s\n' "$n" \
			"$(cat /sys/devices/system/$n/crash_hotplug 2>&1)"
	done
	says loaded
	echo 0 > /sys/devices/system/cpu/cpu1/online || give_up 'CPU 1 stays'
	reload
	echo 1 > /sys/devices/system/cpu/cpu1/online || give_up 'CPU 1 does not come back'
	reload
	blocks=$(ls -d /sys/devices/system/memory/memory* | wc -l)
	printf '\nhook: memory is wanted\n'
	tries=0
	while [ "$(ls -d /sys/devices/system/memory/memory* | wc -l)" -lt $((blocks + 2)) ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || give_up 'no memory came'
		usleep 200000
	done
	for state in /sys/devices/system/memory/memory*/state; do
		[ "$(cat "$state")" = online ] || echo online > "$state" || give_up "$state"
	done
	says plugged
	reload
	says reloaded
	reload
}
END

# crash NAME KERNEL CALL: sets dir, console, log and manifest.
crash()
{
	dir=$vm_dir/$1
	console=$dir/console.log
	vm_kernel=$(scripts/kernel fetch "$2" 2> "$vm_dir/prepare.log") || bail "there is a kernel $2"
	printf 'ext4 LABEL=dump\npath /var/crash\nload_with %s\n' "$3" > "$vm_dir/conf"
	if ! check "$1: the dump is committed, and the machine comes back" \
		scripts/lab crash --kernel "$vm_kernel" --memory 1G,slots=2,maxmem=4G --quiet \
		--crashkernel 256M --conf "$vm_dir/conf" --guest-init "$vm_dir/hook" \
		--event "hook: memory is wanted=monitor object_add memory-backend-ram,id=more,size=${added}M; monitor device_add pc-dimm,id=dimm,memdev=more" \
		--stage-limit load=240 --stage-limit panic=400 --out "$dir"; then
		tail -n 15 "$console" | diag_input
	fi
	log=$(find "$dir/disk" -name collect.log)
	manifest=$(find "$dir/disk" -name manifest.json)
}

# told WHEN LINE: status said so.
# shellcheck disable=SC2317 # check calls it
told()
{
	tr -d '\r' < "$console" | grep -aqE "^hook: $1: $2"
}

# mib WHEN: what of memory status has found in what is loaded.
mib()
{
	tr -d '\r' < "$console" | sed -n "s/^hook: $1: ok .* memory  *all \([0-9]*\) MiB.*/\1/p"
}

# Common to both.
whole()
{
	local before after
	check "$1: at first both CPUs are there" \
		told loaded 'ok    cpus        each of 2 CPUs has its note in what is loaded'
	check "$1: what is loaded is what was to be, read back from memory" \
		told loaded 'ok    image       kernel, initrd and command line lie in reserved memory'
	check "$1: nothing is wrong with it, only not proven yet" told loaded 'exit 1'
	check "$1: vmcoreinfo is enough, and true" told loaded 'ok    vmcoreinfo  [0-9]* keys, enough'
	check_is "$1: a CPU that goes and comes back changes nothing" \
		'nothing has changed nothing has changed' \
		"$(tr -d '\r' < "$console" | sed -n 's/^hook: reload: //p' | head -n 2 | xargs)"
	before=$(mib loaded)
	after=$(mib reloaded)
	check_is "$1: in the end all memory is in what is loaded" $((before + added)) "$after"
	check "$1: and both CPUs" told reloaded 'ok    cpus        each of 2 CPUs has its note'
	check_is "$1: and nothing is left to be done" 'nothing has changed' \
		"$(tr -d '\r' < "$console" | sed -n 's/^hook: reload: //p' | tail -n 1)"
	check_is "$1: the dump has a note of each CPU" 2 \
		"$(sed -n 's/.* \([0-9]*\) CPUs, .*ranges of memory.*/\1/p' "$log")"
	# Its ranges are rounded to pages, and MiB up.
	check "$1: the dump has all memory, the new one with it" \
		test "$((($(jq .pages.memory "$manifest") + 255) / 256))" = "$after"
}

crash with trixie/6.12-cloud kexec_load
check 'with: the kernel knows of crash_hotplug, and does it for what was loaded' \
	grep -aq 'hook: crash_hotplug of memory: 1' "$console"
whole with
check_is 'with: so it was before any reload' "$(mib reloaded)" "$(mib plugged)"
check 'with: load says so' grep -aq 'the kernel follows changes of CPUs and memory' "$console"

crash without 6.1-cloud kexec_file_load
check 'without: the kernel does not know of crash_hotplug' \
	grep -aq 'hook: crash_hotplug of memory: .*No such file' "$console"
check 'without: status tells what would be missing' \
	told plugged "fail  memory      $added MiB of memory, from 0x[0-9a-f]* on, would not be in the dump"
check 'without: as a failure' told plugged 'exit 2'
check 'without: reload sees it' \
	grep -aq 'hook: reload: CPUs and memory: 2 notes and' "$console"
whole without

finish
