#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# udev: which events of CPUs and of memory have the rule call `lifeboat reload --if-changed`, as udev
# itself reads it.

set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

udevadm=$(PATH=$PATH:/sbin:/usr/sbin command -v udevadm) || bail 'udevadm is installed: scripts/deps'
make -s install DESTDIR="$work/installed" O="$out" > "$work/install.log" 2>&1 ||
	bail 'the rule is installed'
rule=$work/installed/usr/lib/udev/rules.d/70-lifeboat.rules
check 'the rule has the program where it is' \
	grep -q ' /usr/sbin/lifeboat reload --if-changed"$' "$rule"

# runs ACTION DEVICE [loaded|fresh]: what udev would run, in a /run of its own.
runs()
{
	# shellcheck disable=SC2016 # for the shell within
	unshare --mount bash -c '
		mount -t tmpfs tmpfs /run && mkdir -p /run/udev/rules.d /run/lifeboat &&
		cp "$3" /run/udev/rules.d/ && { [ "$4" = fresh ] || : > /run/lifeboat/state; } &&
		"$5" test -a "$1" "$2"' - "$1" "$2" "$rule" "${3:-loaded}" "$udevadm" \
		> "$work/said" 2>&1
	sed -n "s/^run: '\(.*lifeboat.*\)'$/\1/p" "$work/said" | sort -u
}

call='/usr/bin/systemd-run --quiet --no-block --collect /usr/sbin/lifeboat reload --if-changed'
cpu=/devices/system/cpu/cpu0
memory=/devices/system/memory/memory0
# A kernel that does it itself is left alone.
own=$(cat /sys/devices/system/cpu/crash_hotplug 2> /dev/null)
for action in add remove; do
	[[ $own != 1 ]] || call=
	check_is "a CPU: $action" "$call" "$(runs "$action" "$cpu")"
done
for action in online offline remove; do
	check_is "memory: $action" "$call" "$(runs "$action" "$memory")"
done
check_is 'memory: add says nothing yet' '' "$(runs add "$memory")"
for action in online offline; do
	check_is "a CPU: $action changes no note" '' "$(runs "$action" "$cpu")"
done
check_is 'also while a load is under way, which has no record yet' "$call" \
	"$(runs add "$cpu" fresh)"
check_is 'another device' '' "$(runs add /devices/virtual/mem/null)"
check 'udev has read the rule' grep -q 'Reading rules file: /run/udev/rules.d/70-lifeboat.rules' "$work/said"

finish
