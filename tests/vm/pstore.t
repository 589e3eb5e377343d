#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pstore.t: a machine with an ERST crashes. The panic record is on the console and on the disk, and
# after the next boot it can be read in /sys/fs/pstore, line for line. Then one with EFI variables,
# whose dump finds no target: they are all that is left, and the receipt is made of them. Its console
# is one whose driver is a module (console=hvc0), so that there is none until that is loaded.

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

module=$(find "$vm_kernel/lib/modules" -name 'efi[-_]pstore.ko*' | head -n 1)
check 'this kernel has a module for EFI variables' test -n "$module" || finish
cp /usr/share/OVMF/OVMF_VARS.fd "$vm_dir/variables" || bail 'ovmf is installed: scripts/deps'
# The firmware itself takes more memory than the machine above has.
machine=(--kernel "$vm_kernel" --memory 1G --cpus 2 --disk-size 256M --quiet
	--disk-image "$vm_dir/efi.img" --qemu -drive
	--qemu 'if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd'
	--qemu -drive --qemu "if=pflash,format=raw,unit=1,file=$vm_dir/variables")
printf 'ext4 LABEL=none\npath /var/crash\nextra_modules efi_pstore virtio_console\n' > "$vm_dir/conf"
printf 'ext4 LABEL=dump\npath /var/crash\n' > "$vm_dir/guest.conf"
cat > "$vm_dir/hook" << END
lab_before_load()
{
	insmod /lib/${module##*/}
	printf "pstore file: %s\\n" /sys/fs/pstore/*
	printf '\\nreceipts begin\\n'
	lifeboat receipts
	printf 'receipts end\\n'
}
END
scripts/lab crash "${machine[@]}" --conf "$vm_dir/conf" --guest-conf "$vm_dir/guest.conf" \
	--append console=hvc0 --qemu -device --qemu virtio-serial-pci \
	--qemu -chardev --qemu "file,id=hvc,path=$vm_dir/hvc" \
	--qemu -device --qemu virtconsole,chardev=hvc --out "$vm_dir/efi" > "$vm_dir/efi.log" 2>&1
check_is 'EFI: no dump, and the machine comes back' 3 "$?"
plain "$vm_dir/hvc" > "$vm_dir/console"
check 'EFI: the record is on the console that came late' \
	grep -qx 'panic: Kernel panic - not syncing: sysrq triggered crash' "$vm_dir/console"
check 'EFI: and so is what became of the capture' \
	grep -q '^lifeboat-collect: failed: no dump was saved' "$vm_dir/console"
check 'EFI: it boots again' scripts/lab boot "${machine[@]}" --guest-init "$vm_dir/hook" \
	--guest-extra "$module:/lib/${module##*/}" --out "$vm_dir/efi-boot"
plain "$vm_dir/efi-boot/console.log" > "$vm_dir/console"
sed -n '/^receipts begin/,/^receipts end/p' "$vm_dir/console" > "$vm_dir/receipts"
check 'EFI: its log is spread over several variables' \
	test "$(grep -cE '^pstore file: .*/dmesg-efi(_pstore)?-[0-9]+$' "$vm_dir/console")" -gt 2
check 'EFI: the receipt knows how far it came' \
	grep -q "failed .*at stage 'target': the capture kernel left its panic record in pstore" \
	"$vm_dir/receipts"
check 'EFI: and why the machine went down' \
	grep -q 'panic: Kernel panic - not syncing: sysrq triggered crash' "$vm_dir/receipts" ||
	diag_input < "$vm_dir/console"
rm -f "$vm_dir/efi.img"
finish
