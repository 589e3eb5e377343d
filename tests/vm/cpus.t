#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# cpus: machines of 1, 2 and 4 CPUs panic on their first CPU and on their last one. The capture
# kernel brings up the others, as many as `lifeboat load` said, but never the boot CPU from
# another one; the collector has a worker for each that pays, says how many there are and why, and
# makes its dump also when the other one fails or hangs on its way up.

# shellcheck disable=SC2317 # functions are called by check()
set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

vm_prepare "${CPUS_KERNEL:-6.1-cloud}" || bail 'there is a kernel'

# panics NAME CPUS FIRST-OR-LAST [WORD]...: a crash; words are for scripts/lab. Sets dir, of the lab,
# and log, of the collector.
panics()
{
	local name=$1 cpus=$2 where=$3
	[[ $where = last ]] || where=0
	shift 3
	dir=$vm_dir/$name
	if ! check "$name: the dump is committed, and the machine comes back" \
		scripts/lab crash --kernel "$vm_kernel" --memory 512M --cpus "$cpus" --quiet \
		--guest-init tests/vm/guest/cpu-hook --append "lab.crash_cpu=$where" \
		--out "$dir" "$@"; then
		tail -n 15 "$dir/console.log" | diag_input
	fi
	[[ $where = 0 ]] || where=$((cpus - 1))
	check_is "$name: the panic was on CPU $where" "$where" \
		"$(console_value "$dir/console.log" '\] CPU: ' | cut -d ' ' -f 1)"
	log=$(find "$dir/disk" -name collect.log)
}

# workers CPUS N: a worker for each CPU; fewer where emulated CPUs, of which this machine cannot run
# as many at a time, were slow to answer each other.
workers()
{
	[[ $1 = "$2" ]] || { [[ $2 -ge 1 && $2 -lt $1 ]] &&
		grep -q " $1 workers would wait for each other: .*; $2 instead" "$log"; }
}

# at_work NAME N REASON [ONLINE]: N CPUs came, says the log, and there were N workers; ONLINE are
# what the kernel counts, also half-way up.
at_work()
{
	local s=s manifest
	[[ $2 != 1 ]] || s=
	manifest=$(find "$dir/disk" -name manifest.json)
	check_is "$1: the log says how many CPUs work, and why" "$2 CPU$s at work$3" \
		"$(sed -n 's/^\[.*\] *\(lifeboat-collect: \)\{0,1\}\([0-9]* CPUs\{0,1\} at work.*\)/\2/p' "$log")"
	check "$1: there are as many workers, or the log says why fewer" \
		workers "$2" "$(jq .capture.workers "$manifest")"
	check_is "$1: the kernel has as many CPUs" "${4:-$2}" "$(jq .capture.cpus "$manifest")"
}

# loaded NAME LINE: `lifeboat load` said so.
loaded()
{
	check "$1: load says how many are wanted, and why" \
		grep -aq "^$2" "$dir/console.log"
}

panics 1 1 first
loaded 1 '1 CPU: 1 present, 160 MiB reserved, [0-9]* MiB of them for kernel and initrd, '
at_work 1 1 ''

panics 2-first 2 first
loaded 2-first '2 CPUs: 2 present, 160 MiB reserved, '
at_work 2-first 2 ', as many as asked for'

none='this kernel finds no more; the boot CPU stays out when another one panicked'
panics 2-last 2 last
at_work 2-last 1 " of 2 asked for: $none"

panics 4-first 4 first
loaded 4-first '4 CPUs: 4 present, 160 MiB reserved, '
at_work 4-first 4 ', as many as asked for'

panics 4-last 4 last
at_work 4-last 3 " of 4 asked for: $none"

# CPU 1 fails half-way up, as the kernel can be told to let it.
cat > "$vm_dir/fail-hook" << 'END'
#!/bin/sh
cd /sys/devices/system/cpu || exit 1
sed -n 's/^ *\([0-9]*\): *workqueue:online$/\1/p' hotplug/states > cpu1/hotplug/fail
printf 'hook: fails at %s\n' "$(cat cpu1/hotplug/fail)"
END
panics fails 2 first --capture-hook "$vm_dir/fail-hook"
check 'fails: CPU 1 was made to fail' grep -aq '^hook: fails at [1-9]' "$dir/console.log"
at_work fails 1 ' of 2 asked for: CPU 1: Resource temporarily unavailable'

# CPU 1 hangs for good, and with it who brings it up, and reboot(2).
cat > "$vm_dir/hang-hook" << 'END'
#!/bin/sh
insmod /lib/modules/lifeboat_test.ko hang_cpus=1 && printf 'hook: CPUs hang\n'
END
panics hangs 2 first --capture-hook "$vm_dir/hang-hook" --stage-limit reboot=180 \
	--capture-extra "$vm_module:/lib/modules/lifeboat_test.ko"
check 'hangs: CPUs were made to hang' grep -aq '^hook: CPUs hang' "$dir/console.log"
at_work hangs 1 ' of 2 asked for: the next one did not come within 10 s' 2
check 'hangs: reboot(2) hangs behind it' \
	grep -aq '^lifeboat-collect: reboot: the kernel did not do it within 30 s' "$dir/console.log"
check_is 'hangs: the target was unmounted all the same' '' \
	"$(grep -a 'unmount' "$dir/console.log")"

finish
