#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pstore.t: a machine with an ERST crashes. The panic record is on the console and on the disk, and
# after the next boot it can be read in /sys/fs/pstore, line for line.

set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

vm_prepare "${PSTORE_KERNEL:-6.1-cloud}" || bail 'there is a kernel'

machine=(--kernel "$vm_kernel" --memory 512M --cpus 2 --disk-size 256M --quiet
	--erst "$vm_dir/erst")

# plain FILE: a console without carriage returns.
plain()
{
	tr -d '\r' < "$1"
}

check 'the machine crashes, and is captured' scripts/lab crash "${machine[@]}" \
	--out "$vm_dir/crash" || finish
record=$(find "$vm_dir/crash/disk" -name panic.txt)
check 'the record is on the disk' test -s "$record" || finish
check 'it is no larger than it may be' test "$(stat -c %s "$record")" -le 4096
check 'it says why' grep -qx 'panic: Kernel panic - not syncing: sysrq triggered crash' "$record"
check 'it has a signature' grep -qxE 'signature: [0-9a-f]{16}' "$record"
check 'it has registers' grep -qE '^ .*rip f{8}[0-9a-f]{8} ' "$record"
check 'it has the trace' grep -qE '^ sysrq_handle_crash\+0x' "$record"
# Where a line of the kernel's own came in between is no matter.
plain "$vm_dir/crash/console.log" > "$vm_dir/console"
check_is 'all of it is on the console' '' "$(grep -vxFf "$vm_dir/console" "$record")"

check 'the machine boots again' scripts/lab boot "${machine[@]}" \
	--guest-init tests/vm/guest/pstore-init --out "$vm_dir/boot"
plain "$vm_dir/boot/console.log" | sed -n '/^pstore file: dmesg-erst-/,/^pstore end/p' > "$vm_dir/kept"
check 'pstore has kept what was on the way down' grep -qx 'Shutdown#1 Part1' "$vm_dir/kept"
# A level and a time before each line.
sed -n 's/^<[0-9]*>\[ *[0-9.]*\] //p' "$vm_dir/kept" | sed -n '/^Lifeboat panic record$/,$p' |
	head -n "$(wc -l < "$record")" > "$vm_dir/found"
check 'the record is in it, line for line' diff -u "$record" "$vm_dir/found" ||
	head -n 40 "$vm_dir/kept" | diag_input
finish
