#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# netlinks.t: VLAN, bond, bridge and all of them on top of each other, carried from a running system
# to a capture kernel, in network namespaces of one guest, since not each host's kernel has such
# links. What each case is, is in tests/net/cases.

set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

readonly CASES='static4 vlan bond half_bond lacp stack'
readonly BOOT_LIMIT=900

vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
release=$(cat "$vm_kernel/release")
ip=$(PATH=$PATH:/sbin:/usr/sbin command -v ip) || bail 'ip is installed: scripts/deps'

printf '%s\n' "$CASES" > "$vm_dir/cases"
{
	printf 'ext4 LABEL=none\n'
	printf 'extra_modules veth bridge bonding 8021q ipv6 af_packet\n'
} > "$vm_dir/conf"
check 'an initrd with all of it' initrd/lifeboat-mkinitrd -k "$release" \
	--modules-dir "$vm_kernel/lib/modules/$release" --kernel-config "$vm_kernel/config" \
	--collector "$LIFEBOAT_OUT/lifeboat-collect" --lifeboat "$LIFEBOAT_OUT/lifeboat" \
	--generic virtio -c "$vm_dir/conf" -o "$vm_dir/initrd" --compress none \
	--init tests/vm/guest/net-init --extra "$vm_dir/cases:/etc/cases" \
	--extra tests/net/cases:/bin/cases --extra "$LIFEBOAT_OUT/lifeboat:/bin/lifeboat" \
	--extra "$ip:/opt/ip" || finish

timeout "$BOOT_LIMIT" qemu-system-x86_64 -machine q35 -accel tcg -cpu max -smp 1 -m 512M \
	-display none \
	-monitor none -serial stdio -no-reboot -nic none -kernel "$vm_kernel/vmlinuz" \
	-initrd "$vm_dir/initrd" -append 'console=ttyS0 loglevel=4 panic=1 no_timer_check' \
	< /dev/null > "$vm_dir/console.log" 2> "$vm_dir/qemu.log"
tr -d '\r' < "$vm_dir/console.log" | sed -n '/^cases begin$/,/^cases end$/p' > "$vm_dir/said"
rm -f "$vm_dir/initrd"

while IFS= read -r line; do
	case $line in
	'ok '*) pass "${line#ok }" ;;
	'not ok '*) fail "${line#not ok }" ;;
	'#'*) printf '%s\n' "$line" ;;
	esac
done < "$vm_dir/said"
for case in $CASES; do
	check "$case was run" grep -q "^\(not \)\?ok $case: " "$vm_dir/said"
done
check 'the guest came to its end' grep -qx 'cases end' "$vm_dir/said" ||
	tail -n 20 "$vm_dir/console.log" | diag_input
finish
