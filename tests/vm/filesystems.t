#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# filesystems.t: dumps on file systems other than ext4, one of which has neither owners nor modes nor
# colons in its names. The next boot, in which all of them are mounted, reads what is there.

set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

readonly KINDS='xfs btrfs vfat'
PATH=$PATH:/sbin:/usr/sbin

vm_prepare 6.1-cloud || bail 'there is a kernel'

make_fs()
{
	truncate -s 512M "$vm_dir/$1.img" || return 1
	case $1 in
	vfat) mkfs.vfat -n DUMP "$vm_dir/$1.img" ;;
	*) "mkfs.$1" -q -L DUMP "$vm_dir/$1.img" ;;
	esac > "$vm_dir/mkfs.log" 2>&1 || diag_input < "$vm_dir/mkfs.log"
}

more=()
for kind in $KINDS; do
	make_fs "$kind"
	printf '%s LABEL=DUMP\npath /var/crash\n' "$kind" > "$vm_dir/conf"
	scripts/lab crash --kernel "$vm_kernel" --memory 512M --quiet --disk-size none \
		--conf "$vm_dir/conf" --qemu -drive \
		--qemu "file=$vm_dir/$kind.img,if=virtio,format=raw,cache=unsafe" \
		--out "$vm_dir/$kind" > "$vm_dir/$kind.log" 2>&1
	check_is "$kind: the dump is committed, and the machine comes back" 0 "$?"
	more+=(--qemu -drive --qemu "file=$vm_dir/$kind.img,if=virtio,format=raw,cache=unsafe")
done

# The machine's own disk is the first; then those above, in the same order.
printf 'ext4 LABEL=dump\npath /var/crash\nextra_modules %s nls_cp437 nls_ascii\n' "$KINDS" \
	> "$vm_dir/conf"
cat > "$vm_dir/hook" << END
lab_before_load()
{
	mkdir -p /mnt
	set -- vdb vdc vdd
	for kind in $KINDS; do
		mount -t \$kind -o ro /dev/\$1 /mnt || printf 'cannot mount %s\\n' "\$kind"
		(cd /mnt/var/crash && find . -name '127*' -exec stat -c "\$kind %a %n" {} + &&
			find . -type f -exec stat -c "\$kind %a %n" {} +)
		mkdir -p "/disk/var/crash/\$kind"
		cp -r /mnt/var/crash/127* "/disk/var/crash/\$kind/"
		umount /mnt
		shift
	done
}
END
check 'all of them are read in the next boot' scripts/lab boot --kernel "$vm_kernel" --memory 512M \
	--conf "$vm_dir/conf" --disk-size 1G "${more[@]}" --guest-init "$vm_dir/hook" \
	--out "$vm_dir/boot"
tr -d '\r' < "$vm_dir/boot/console.log" > "$vm_dir/console"

for kind in $KINDS; do
	dir=$(find "$vm_dir/boot/disk/crash/$kind" -mindepth 1 -maxdepth 1 -name '127.0.0.1-*')
	printf '%s\n' "$dir" > "$vm_dir/name"
	check "$kind: all files of a crash are there" test -s "$dir/panic.txt" -a \
		-s "$dir/vmcore-dmesg.txt" -a -s "$dir/collect.log" -a \
		"$(jq -r .status "$dir/manifest.json")" = complete
	check "$kind: each page of the dump can be read" \
		"$LIFEBOAT_OUT/lifeboat-collect" -d 31 "$dir/vmcore" "$vm_dir/again"
	rm -f "$vm_dir/again"
	if [[ $kind = vfat ]]; then
		check "$kind: the name of the directory has no colon, and reads well" \
			grep -qE '/127\.0\.0\.1-20[0-9-]{17}$' "$vm_dir/name"
		check 'vfat: it is sound' fsck.vfat -n "$vm_dir/vfat.img"
	else
		check "$kind: the directory is called as anywhere else" \
			grep -qE '/127\.0\.0\.1-20[0-9-]{11}(:[0-9]{2}){2}$' "$vm_dir/name"
		check_is "$kind: nobody but root can read any of it" '600 700' "$(sed -n \
			"s/^$kind \([0-9]*\) .*/\1/p" "$vm_dir/console" | sort -u | tr '\n' ' ' |
			sed 's/ $//')"
	fi
	rm -f "$vm_dir/$kind.img"
done
finish
