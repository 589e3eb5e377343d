#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# modules: which drivers and firmware lifeboat-mkinitrd takes, by a sysfs of the test's, for a kernel
# of the test's.

# shellcheck disable=SC2154 # out, work: golden/lib.sh
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

golden_needs lifeboat lifeboat-collect
mkinitrd=$PWD/initrd/lifeboat-mkinitrd
cd "$work" || exit 1
export LIFEBOAT_SYSFS=$work/sys LIFEBOAT_RUNNING=$work/running
modules=$work/modules
kernel=$modules/kernel
devices=$work/sys/devices

# has NAME...: paths of modules below kernel, which depend on nothing.
has()
{
	local path
	: > "$modules/modules.dep"
	for path; do
		mkdir -p "$kernel/${path%/*}"
		printf 'module\n' > "$kernel/$path.ko"
		printf 'kernel/%s.ko:\n' "$path" >> "$modules/modules.dep"
	done
}
mkdir -p "$modules"
cat > "$modules/modules.alias" << 'END'
alias pci:v00001000d* megaraid_sas
alias hid:b*g*v*p* hid_generic
END

# driven DIR MODULE ALIAS: a device of that sysfs.
driven()
{
	mkdir -p "$devices/$1/driver" "$work/sys/module/$2"
	ln -s "$work/sys/module/$2" "$devices/$1/driver/module"
	[[ -z $3 ]] || printf '%s\n' "$3" > "$devices/$1/modalias"
}

# disk DIR: what the target is on; a node with numbers that no driver has, since only those are looked at.
mknod disk b 240 77 || bail 'device nodes can be made: run the tests as root'
disk()
{
	rm -rf sys
	mkdir -p "$devices/$1" sys/dev/block
	ln -s "$devices/$1" sys/dev/block/240:77
}

# build LINE...: what the initrd loads, a name a line in loaded; what was said is in said.
build()
{
	rm -rf tree
	mkdir tree
	printf '%s\n' "$@" > lifeboat.conf
	code=0
	"$mkinitrd" -c lifeboat.conf -k test -o initrd.img --modules-dir "$modules" \
		--kernel-config /dev/null --compress none \
		--lifeboat "$out/lifeboat" --collector "$out/lifeboat-collect" > said 2>&1 || code=$?
	[[ $code != 0 ]] || (cd tree && cpio -id --quiet < ../initrd.img)
	[[ $code != 0 ]] || sed 's/ .*//; s/.*\///; s/\.ko$//' tree/etc/lifeboat/modules > loaded
}
loads()
{
	paste -s -d ' ' loaded
}

# ---- file systems ----

disk pci0000:00/block/test
has fs/ext4/ext4
build "ext3 $work/disk"
ended 0 'ext3, which ext4 serves'
check_is 'takes ext4' ext4 "$(loads)"
build "ext2 $work/disk"
ended 0 'ext2, too'
check_is 'takes that' ext4 "$(loads)"
has fs/ext4/ext4 fs/ext2/ext2
build "ext2 $work/disk"
check_is 'a kernel with a module for ext2 has that' ext2 "$(loads)"
has
printf 'kernel/fs/ext4/ext4.ko\n' > "$modules/modules.builtin"
build "ext3 $work/disk"
ended 0 'ext4 that is built in'
check_is 'needs none' '' "$(loads)"

# In the superblock: the magic number, and the feature "quota".
truncate -s 1M image
printf '\123\357' | dd of=image bs=1 seek=1080 conv=notrunc status=none
printf '\0\1' | dd of=image bs=1 seek=1124 conv=notrunc status=none
loop=$(losetup --find --show image) || bail 'loop devices can be set up: run the tests as root'
trap 'losetup -d "$loop"; rm -rf "$work"' EXIT
has fs/ext4/ext4 fs/quota/quota_v2
rm -f "$modules/modules.builtin"
mkdir -p "$devices/pci0000:00/block/loop"
ln -s "$devices/pci0000:00/block/loop" "sys/dev/block/$(lsblk -n -o MAJ:MIN "$loop" | tr -d ' ')"
build "ext4 $loop"
check_is 'ext4 with quotas takes their format' 'quota_v2 ext4' "$(loads)"
printf '\0\0' | dd of=image bs=1 seek=1124 conv=notrunc status=none
blockdev --flushbufs "$loop"
build "ext4 $loop"
check_is 'ext4 without does not' ext4 "$(loads)"

# In the superblock: the magic number, and how many devices there are.
has fs/btrfs/btrfs
printf _BHRfS_M | dd of=image bs=1 seek=65600 conv=notrunc status=none
for devices_of in 1 2; do
	printf '%b' "\\0$devices_of" | dd of=image bs=1 seek=65672 conv=notrunc status=none
	blockdev --flushbufs "$loop"
	build "btrfs $loop"
	ended $((devices_of - 1)) "btrfs on so many devices: $devices_of"
done
check 'says why' says "$loop is a btrfs on more than one device"
printf '#!/bin/sh\n' > scan
chmod 755 scan
build "btrfs $loop" "kdump_pre $work/scan"
ended 0 'unless somebody looks for the others'
printf 'kernel/fs/ext4/ext4.ko\n' > "$modules/modules.builtin"

# ---- for which kernel ----

printf '%s\n' "ext4 $work/disk" 'kernel /boot/vmlinuz-0.9-none' > lifeboat.conf
code=0
"$mkinitrd" -c lifeboat.conf -o initrd.img --lifeboat "$out/lifeboat" \
	--collector "$out/lifeboat-collect" > said 2>&1 || code=$?
ended 1 'a kernel that the configuration names'
check 'is the one that it is for' says '^lifeboat-mkinitrd: /lib/modules/0.9-none has no modules.dep'

# ---- what cannot be there after the crash ----

disk virtual/block/md127/md127p1
build "ext4 $work/disk"
ended 1 'a software RAID'
check 'says what it is, and what to do' \
	says "target $work/disk is on a software RAID, which cannot be assembled in the capture kernel yet: name a"
disk virtual/block/drbd0
build "ext4 $work/disk"
ended 1 'a device that the kernel makes'
check 'says what it is' says "target $work/disk is on a block device of the kernel's own \(drbd\)"
printf '#!/bin/sh\n' > attach
chmod 755 attach
has drivers/block/drbd/drbd
build "ext4 $work/disk" "kdump_pre $work/attach"
ended 0 'unless somebody sets it up'
check_is 'its driver is there' drbd "$(loads)"
disk rbd/0/block/rbd0
build "ext4 $work/disk"
ended 1 'an image of Ceph'
disk platform/host3/session1/target3:0:0/3:0:0:1/block/sdb
build "ext4 $work/disk"
ended 1 'a disk of iSCSI'
check 'says so' says 'is a disk of another host, where nobody logs in'
printf '#!/bin/sh\n' > login
chmod 755 login
build "ext4 $work/disk" "kdump_pre $work/login"
ended 0 'unless there is who does'

# subsystem TRANSPORT: an NVMe disk with two ways to it.
subsystem()
{
	local way
	disk virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1
	for way in 0 1; do
		driven "pci0000:00/0000:00:0$way.0" vmd ''
		mkdir -p "$devices/pci0000:00/0000:00:0$way.0/nvme/nvme$way"
		printf '%s\n' "$1" > "$devices/pci0000:00/0000:00:0$way.0/nvme/nvme$way/transport"
		ln -s "$devices/pci0000:00/0000:00:0$way.0/nvme/nvme$way" \
			"$devices/virtual/nvme-subsystem/nvme-subsys0/nvme$way"
	done
}
has drivers/nvme/host/nvme drivers/pci/controller/vmd
subsystem pcie
build "ext4 $work/disk"
ended 0 'an NVMe disk with two ways to it'
check_is 'takes what its controllers are on' 'nvme vmd' "$(loads)"
subsystem tcp
build "ext4 $work/disk"
ended 1 'one that is reached by TCP'
check 'is another host'"'"'s' says 'is a disk of another host'

# ---- adapters ----

has drivers/scsi/megaraid/megaraid_sas
disk pci0000:00/0000:01:00.0/host0/target0:0:0/0:0:0:0/block/sda
printf 'pci:v00001000d00000073\n' > "$devices/pci0000:00/0000:01:00.0/modalias"
build "ext4 $work/disk"
check_is 'an adapter is found by its alias' megaraid_sas "$(loads)"
check 'no firmware is there for it' gone tree/lib/firmware
# Of the running kernel: the adapter's driver is one of its modules, that of the port is built in and none.
driven pci0000:00 pcieportdrv ''
driven pci0000:00/0000:01:00.0/host0 megaraid-sas ''
mkdir running
printf 'kernel/drivers/scsi/megaraid/megaraid_sas.ko:\n' > running/modules.dep
build "ext4 $work/disk"
ended 0 'an adapter behind a port whose driver is part of any kernel'
check_is 'which is asked for from none' megaraid_sas "$(loads)"
has
build "ext4 $work/disk"
ended 1 'a kernel without the driver of the adapter'
check 'which is told, and the port is not' says 'has no module megaraid_sas and the target'
has drivers/scsi/megaraid/megaraid_sas
mkdir -p bin firmware/raid
printf '#!/bin/sh\necho raid/first.bin\necho raid/second.bin\n' > bin/modinfo
chmod 755 bin/modinfo
printf 'second\n' | xz > firmware/raid/second.bin.xz
PATH=$PWD/bin:$PATH LIFEBOAT_FIRMWARE=$PWD/firmware build "ext4 $work/disk"
check_is 'what there is goes along' second "$(cat tree/lib/firmware/raid/second.bin)"

has extra/vendor
disk pci0000:00/block/test
PATH=$PWD/bin:$PATH LIFEBOAT_FIRMWARE=$PWD/firmware build "ext4 $work/disk" 'extra_modules vendor'
check_is 'so it does for a driver of a vendor' second "$(cat tree/lib/firmware/raid/second.bin)"
rm -r running

# ---- options ----

cat > bin/modprobe << 'END'
#!/bin/sh
[ "$1" = -c ] && printf '%s\n' 'alias x usb-storage' 'options usb_storage quirks=1:2:u delay_use=3' \
	'options usb-storage swi_tru_install=1' 'options usb_storage option_zero_cd=9' \
	'options usb label="a b" x=1' 'options other y=1'
END
chmod 755 bin/modprobe
printf 'root=/dev/sda usb-storage.option_zero_cd=9 x.y=1\n' > cmdline
has drivers/usb/storage/usb-storage drivers/usb/core/usb
disk pci0000:00/block/test
PATH=$PWD/bin:$PATH LIFEBOAT_CMDLINE=$PWD/cmdline build "ext4 $work/disk" 'extra_modules usb-storage usb'
ended 0 'options of modprobe.d'
check_is 'go along, without those of the running kernel'"'"'s command line' \
	"$(printf '/lib/modules/%s\n' 'usb-storage.ko quirks=1:2:u delay_use=3 swi_tru_install=1' 'usb.ko x=1')" \
	"$(cat tree/etc/lifeboat/modules)"
check 'those in quotes do not, which is told' says 'options in quotes for module usb are passed over'

# What /init adds: words of the capture kernel's command line for a module.
cat > cmdline << 'END'
usb_storage.quirks=3:4:u x="q usb.no=1 z" usb-storage.flag usb.a=* usb.b="c d" "usb.e=f g" usb.h=i -- usb.j=k
END
{
	echo 'tell() { echo "$*" >&2; }'
	for name in read_words spell find_parameters; do
		sed -n "/^$name()/,/^}/ { s,/proc/cmdline,cmdline,; p }" "$OLDPWD/initrd/init"
	done
	# shellcheck disable=SC2016 # it is for the other shell
	echo 'set -f; read_words; find_parameters "$1"; echo $parameters'
} > parameters
busybox=$(command -v busybox)
mkdir applets
ln -s "$busybox" applets/sed
parameters()
{
	PATH=$PWD/applets "$busybox" sh parameters "/lib/modules/$1" 2> said
}
check_is 'init finds them by either spelling' 'quirks=3:4:u flag' "$(parameters usb-storage.ko)"
check_is 'and none of another module, or behind --' 'a=* h=i' "$(parameters usb.ko)"
check 'those in quotes are told' says 'words in quotes for module usb.ko are passed over'
check_is 'no more than there are' '' "$(parameters ext4.ko)"

# ---- watchdogs, keyboards, consoles ----

has drivers/char/ipmi/ipmi_si drivers/char/ipmi/ipmi_ssif drivers/char/ipmi/ipmi_watchdog \
	drivers/hid/hid-generic drivers/hid/usbhid/usbhid drivers/char/virtio_console
disk pci0000:00/block/test
mkdir -p sys/module/ipmi_si
build "ext4 $work/disk"
check_is 'no timer of a controller is running' '' "$(loads)"
mkdir -p sys/module/ipmi_watchdog
build "ext4 $work/disk"
check_is 'one that is gets its driver, and the way to it before' 'ipmi_si ipmi_watchdog' "$(loads)"
build "ext4 $work/disk" 'watchdog no'
check_is 'unless no watchdog is wanted' '' "$(loads)"

disk pci0000:00/block/test
driven usb1/1-1/1-1:1.0 usbhid ''
driven usb1/1-1/1-1:1.0/0003:046D:C31C.0001 hid_generic 'hid:b0003g0001v0000046Dp0000C31C'
keyboard=usb1/1-1/1-1:1.0/0003:046D:C31C.0001/input/input7
mkdir -p "$devices/$keyboard/capabilities" sys/class/input
printf '120013\n' > "$devices/$keyboard/capabilities/ev"
ln -s "$devices/$keyboard" sys/class/input/input7
build "ext4 $work/disk" 'failure_action shell'
check_is 'a shell has the keyboard' 'hid-generic usbhid' "$(loads)"
build "ext4 $work/disk"
check_is 'nobody else has' '' "$(loads)"
printf '17\n' > "$devices/$keyboard/capabilities/ev"
build "ext4 $work/disk" 'failure_action shell'
check_is 'a mouse is none' '' "$(loads)"

mkdir -p sys/class/tty/console
printf 'ttyS0 hvc0\n' > sys/class/tty/console/active
build "ext4 $work/disk"
check_is 'a console of virtio has its driver' virtio_console "$(loads)"
finish
