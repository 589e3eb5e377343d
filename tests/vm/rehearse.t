#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# rehearse: on a running kernel, in a memory cgroup: what is as it should be is found so, and each
# thing that is not is found before the crash, with what helps. Then the reservation is shrunk to
# what is said to be needed, and `lifeboat test` crashes the machine: the dump is made in that.

# What check calls is not seen to be called.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
release=$(cat "$vm_kernel/release")

# ---- an initrd that lacks the driver of the disk, and is too large ----

printf 'ext4 LABEL=dump\npath /var/crash\n' > "$vm_dir/conf"
large()
{
	initrd/lifeboat-mkinitrd -k "$release" --modules-dir "$vm_kernel/lib/modules/$release" \
		--kernel-config "$vm_kernel/config" --collector "$LIFEBOAT_OUT/lifeboat-collect" \
		--lifeboat "$LIFEBOAT_OUT/lifeboat" --generic virtio -c "$vm_dir/conf" \
		--compress none -o "$vm_dir/whole.img" &&
		mkdir "$vm_dir/tree" && (cd "$vm_dir/tree" && cpio -id --quiet < ../whole.img) &&
		rm "$vm_dir/tree/lib/modules/virtio_blk.ko" &&
		(cd "$vm_dir/tree" && truncate -s 120M pad &&
			find . | cpio -o -H newc --quiet | zstd -q > ../large.img) &&
		rm -rf "$vm_dir/tree" "$vm_dir/whole.img"
}
check 'an initrd of 120 MiB without virtio_blk' large || finish
truncate -s 64M "$vm_dir/zeros"

check 'the machine crashes by lifeboat test, and is captured' scripts/lab crash \
	--kernel "$vm_kernel" --memory 1G --cpus 1 --conf "$vm_dir/conf" \
	--guest-init tests/vm/guest/rehearse-hook --guest-extra "$vm_dir/large.img:/boot/initrd-large" \
	--second-disk "$vm_dir/second.img" \
	--qemu -drive --qemu "file=$vm_dir/zeros,if=virtio,format=raw,cache=unsafe" \
	--stage-limit load=600 --out "$vm_dir/lab"
console=$vm_dir/lab/console.log

# tried NAME: what was said between the marks of that try.
tried()
{
	tr -d '\r' < "$console" | sed -n "/^try: $1\$/,/^tried: /p"
}

# said NAME CODE [TEXT...]: its exit code, and that each text (a regular expression) is in it.
said()
{
	local name=$1 code=$2 text
	shift 2
	tried "$name" > "$vm_dir/said"
	grep -qx "tried: $code" "$vm_dir/said" || {
		cat "$vm_dir/said"
		return 1
	}
	for text; do
		grep -qE -e "$text" "$vm_dir/said" || {
			printf 'missing: %s\n' "$text"
			cat "$vm_dir/said"
			return 1
		}
	done
}

check 'estimate: enough is reserved' said estimate 0 '"need_bytes": [0-9]+'
check 'all is well: login, write, read back, in the memory there will be' said fine 0 \
	'^ok: [0-9]+ MiB are reserved, [0-9]+ MiB are needed \(computed\)' \
	'^ok: the initrd has what the targets need' \
	'^ok: target ext4 LABEL=dump took record, log, mini-core, sample$' \
	'level 31: about [0-9]+ MiB' '^ok: at most [0-9]+ of [0-9]+ MiB were taken' '^rehearsal: ok$'
check 'its result is kept' eval "tr -d '\r' < $console | grep -q '\"predicted_bytes\": [1-9]'"
check 'the directory of the disk can be looked at' said left 0
check_fails 'nothing is left on the disk' 1 grep rehearsal "$vm_dir/said"
check 'a target that cannot be mounted' said unreadable 1 \
	'^failed: target ext4 /dev/vdc: mount /dev/vdc as ext4: Invalid argument'
check 'where there is no cgroup, it is said' said unreadable 1 \
	'^warn: the memory limit of [0-9]+ MiB is not held: '
check 'a driver that is not in the initrd' said initrd 1 \
	'^failed: the initrd has no module virtio_blk, and target ext4 LABEL=dump needs it: run lifeboat-mkinitrd'
check 'a reservation that is too small' said initrd 1 \
	'^failed: the reservation is too small: [0-9]+ MiB are reserved, .*reset-crashkernel'
check 'a collector that takes more than there will be is killed' said initrd 1 \
	'^failed: out of memory.*the reservation is too small'
check 'a full disk' said full 1 '^failed: .*(MiB are free there, and the dump is to take|No space left)'

check 'shrink' said shrink 0 'go back to the system' 'reserved: [0-9]+ MiB, until the next boot'
check 'armed again after it, and what is loaded is what it should be' said status '[012]' \
	'^ok    loaded ' '^ok    image ' '^ok    cpus ' '^ok    memory ' '^ok    need '
check 'status tells of the last rehearsal of what is loaded' said status '[012]' \
	'^ok    rehearsal   the last rehearsal, .*, went well'
check 'not below what is needed' said 'shrink too far' 2

# ---- the crash ----

manifest=$(find "$vm_dir/lab/disk" -name manifest.json)
mark=$(find "$vm_dir/lab/state" -path '*/lifeboat/armed/*' -type f)
check 'the mark says that it was a test' grep -q '"test": true' "$mark"
value()
{
	sed -n "s/^.*\"$1\": \([0-9]*\),\{0,1\}$/\1/p" "$2" | head -n 1
}
need=$(tried estimate | sed -n 's/^.*"need_bytes": \([0-9]*\),$/\1/p')
ram=$(value memory_ram_kib "$manifest")
low=$(value memory_low_kib "$manifest")
# Whole 4 MiB, and 4 MiB more: what shrink leaves.
check "it had no more than was said to be needed, and the margin: $((ram >> 10)) MiB, $((need >> 20)) MiB" \
	test "$((ram << 10))" -le "$((need + (8 << 20)))"
check "and some of it was never used: $low KiB" test "$low" -gt 0 -a "$low" -lt "$ram"
check 'it knows which images these were' grep -qE '"images": "[0-9a-f]{8}-[0-9a-f]{8}"' "$manifest"

finish
