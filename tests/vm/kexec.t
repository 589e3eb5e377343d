#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kexec: the same machine loaded by kexec_file_load(2) and by kexec_load(2), a bzImage and a
# vmlinux, on a machine with a BIOS and on one with EFI: each is captured, and the same memory is in
# the dump. Then one bit of what was loaded is turned: the purgatory names the segment and the machine
# resets instead of running it.
#
#   KEXEC_KERNEL=NAME    another kernel of scripts/kernel (6.1-cloud), for all but the bit that is
#                        turned: that takes the test module, which wants the compiler of its kernel
#   KEXEC_CAPTURE=DIR    another capture kernel, as scripts/capture-kernel leaves it, by both calls

set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

if [[ -n ${KEXEC_KERNEL-} ]]; then
	vm_kernel=$(scripts/kernel fetch --debug "$KEXEC_KERNEL" 2> "$vm_dir/prepare.log") ||
		bail 'there is a kernel'
	vm_debug=$vm_kernel/vmlinux
else
	vm_prepare 6.1-cloud || bail 'there is a kernel'
fi

capture=()
[[ -z ${KEXEC_CAPTURE-} ]] || capture=(--capture-kernel "$(realpath "$KEXEC_CAPTURE")")

# The test's own configuration lines, and what the guest does with them.
# conf CALL: prints the configuration.
conf()
{
	printf 'ext4 LABEL=dump\npath /var/crash\nload_with %s\n' "$1"
}

# crash NAME CALL [WORD]...: a crash; words are for scripts/lab. Sets dir and log.
crash()
{
	local name=$1
	dir=$vm_dir/$name
	conf "$2" > "$vm_dir/conf"
	shift 2
	if ! check "$name: the dump is committed, and the machine comes back" \
		scripts/lab crash --kernel "$vm_kernel" --memory 1G --quiet --crashkernel 256M \
		--conf "$vm_dir/conf" --stage-limit load=240 --out "$dir" "${capture[@]}" "$@"; then
		tail -n 15 "$dir/console.log" | diag_input
	fi
	log=$(find "$dir/disk" -name collect.log)
}

# with NAME WORDS: so says `lifeboat load`.
with()
{
	check "$1: load says how, and why" grep -aq "^with $2" "$dir/console.log"
}

# memory: what the dump says of the machine's memory: ranges, and pages.
memory()
{
	sed -n 's/.* \([0-9]* ranges of memory\).*/\1/p' "$log"
	sed -n 's/.*\(memory [0-9]* pages\).*/\1/p' "$log"
}

crash file kexec_file_load
with file 'kexec_file_load, as configured'
memory > "$vm_dir/memory"
check 'file: there is memory in the dump' grep -q 'memory [1-9][0-9]* pages' "$vm_dir/memory"

crash segments kexec_load
with segments 'kexec_load, as configured: 5 segments, 2 notes of CPUs'
memory > "$vm_dir/memory-segments"
check 'segments: ranges and pages are those of kexec_file_load' \
	cmp "$vm_dir/memory" "$vm_dir/memory-segments"
check_is 'segments: both CPUs have their notes' 2 \
	"$(sed -n 's/.* \([0-9]*\) CPUs, .*ranges of memory.*/\1/p' "$log")"

[[ -z ${KEXEC_CAPTURE-} ]] || finish

# EFI has another map of the memory, and nothing but the boot parameters says where ACPI's tables are.
cat > "$vm_dir/hook" << 'END'
lab_before_load() { [ ! -d /sys/firmware/efi ] || printf 'guest: booted by EFI\n'; }
END
for call in kexec_file_load kexec_load; do
	crash "efi-$call" "$call" --guest-init "$vm_dir/hook" \
		--qemu -bios --qemu /usr/share/ovmf/OVMF.fd
	check "efi-$call: it was EFI" grep -aq '^guest: booted by EFI' "$dir/console.log"
	with "efi-$call" "$call, as configured"
	memory > "$vm_dir/memory-efi-$call"
	check_is "efi-$call: both CPUs have their notes" 2 \
		"$(sed -n 's/.* \([0-9]*\) CPUs, .*ranges of memory.*/\1/p' "$log")"
done
check 'efi: ranges and pages are the same by both calls' \
	cmp "$vm_dir/memory-efi-kexec_file_load" "$vm_dir/memory-efi-kexec_load"
check 'efi: there is memory in the dump' \
	grep -q 'memory [1-9][0-9]* pages' "$vm_dir/memory-efi-kexec_load"

# A kernel that kexec_file_load does not know: the other one is taken by itself.
objcopy --strip-debug "$vm_debug" "$vm_dir/capture.elf"
cat > "$vm_dir/hook" << 'END'
lab_before_load() { sed -i 's|^kernel .*|kernel /boot/vmlinux.elf|' /etc/lifeboat.conf; }
END
crash vmlinux auto --guest-init "$vm_dir/hook" --guest-extra "$vm_dir/capture.elf:/boot/vmlinux.elf"
with vmlinux 'kexec_load, kexec_file_load does not know such a kernel: '
memory > "$vm_dir/memory-vmlinux"
check 'vmlinux: ranges and pages are the same' cmp "$vm_dir/memory" "$vm_dir/memory-vmlinux"
rm -f "$vm_dir/capture.elf"
[[ -z ${KEXEC_KERNEL-} ]] || finish

# In the middle of the kernel, which lies as low as it may.
cat > "$vm_dir/hook" << 'END'
lab_after_load()
{
	start=$(sed -n 's/^ *\([0-9a-f]*\)-.* : Crash kernel$/\1/p' /proc/iomem | tail -n 1)
	insmod /lib/modules/lifeboat_test.ko flip=$((0x$start + 0x480123)) || give_up flip
}
END
conf kexec_load > "$vm_dir/conf"
scripts/lab crash --kernel "$vm_kernel" --memory 1G --quiet --crashkernel 256M \
	--conf "$vm_dir/conf" --guest-init "$vm_dir/hook" \
	--guest-extra "$vm_module:/lib/modules/lifeboat_test.ko" --out "$vm_dir/flip" \
	> "$vm_dir/flip.log" 2>&1
code=$?
console=$vm_dir/flip/console.log
check_is 'one bit turned: there is no dump' 1 "$code"
check 'one bit turned: it was turned' grep -aq 'lifeboat_test: one bit at' "$console"
check 'one bit turned: the kernel panicked' grep -aq 'Kernel panic - not syncing' "$console"
check 'one bit turned: the console tells which segment, and both digests' \
	grep -aqE 'lifeboat: the capture image is damaged: kernel: sha256 expected [0-9a-f]{64}, found [0-9a-f]{64}' \
	"$console"
check 'one bit turned: nothing else is damaged' \
	test "$(grep -ac 'the capture image is damaged' "$console")" = 1
check 'one bit turned: the machine is reset' \
	grep -aq 'no dump can be taken; resetting the machine' "$console"
check 'one bit turned: nothing of it has run' \
	test "$(grep -ac 'lifeboat: capture kernel' "$console")" = 0

finish
