#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# dracut: Debian's dracut, unpacked, builds the initrd of a capture kernel with our module: the same
# files and the same kernel modules, in the same order, as lifeboat-mkinitrd puts in.

# shellcheck disable=SC2154,SC2317 # out, work: golden/lib.sh; functions are called by check()
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

golden_needs lifeboat lifeboat-collect
top=$PWD
build=$(realpath -m "${LIFEBOAT_BUILD:-build}")
cache=$build/cache

die()
{
	bail "$*"
}

say()
{
	diag "$*" >&2
}

# shellcheck source=scripts/packages.sh
. scripts/packages.sh

deb=$(package_fresh dracut-core 2> "$work/packages.log") || bail 'the package dracut-core can be had'
kernel=$(scripts/kernel fetch 6.1-cloud 2> "$work/kernel.log") || bail 'there is a kernel'
release=$(cat "$kernel/release")
dpkg -x "$deb" "$work/dracut" || bail 'it can be unpacked'
base=$work/dracut/usr/lib/dracut
cp -r initrd/dracut/99lifeboat "$base/modules.d/"
mkdir "$work/bin" "$work/empty"
ln -s "$top/initrd/lifeboat-mkinitrd" "$top/initrd/init" "$out/lifeboat" "$out/lifeboat-collect" \
	"$work/bin/"
PATH=$work/bin:$PATH:/sbin:/usr/sbin
cd "$work" || exit 1

printf 'ext4 LABEL=dump\nfallback xfs LABEL=more\npath /\n' > lifeboat.conf
printf 'lifeboat_args="-c %s/lifeboat.conf"\n' "$work" > dracut.conf

# build [OPTION]...: an image of dracut's for any machine, unpacked in tree.
build()
{
	rm -rf tree dracut.img
	mkdir tree
	code=0
	# It looks for programs in no PATH but its own.
	DRACUT_PATH="$work/bin /sbin /bin /usr/sbin /usr/bin" dracutbasedir=$base \
		"$work/dracut/usr/bin/dracut" --conf dracut.conf --confdir empty --tmpdir "$work" \
		--no-hostonly --no-early-microcode --gzip \
		--kmoddir "$kernel/lib/modules/$release" "$@" dracut.img "$release" > said 2>&1 || code=$?
	[[ $code != 0 ]] || (cd tree && gzip -dc ../dracut.img | cpio -id --quiet)
}

# in_tree PATH: exists there, whatever is a link on the way to it.
in_tree()
{
	chroot tree /bin/busybox test -e "$1"
}

all_there()
{
	local module
	while read -r module _; do
		in_tree "$module" || { echo "$module"; return 1; }
	done < tree/etc/lifeboat/modules
}

names()
{
	sed 's/ .*//; s/.*\///; s/\.ko$//' "$1"
}

build -m lifeboat
ended 0 'dracut -m lifeboat'
check 'its first process is ours' cmp tree/init "$top/initrd/init"
check 'the shell that it names is busybox, which runs' chroot tree /bin/sh -c 'type setsid stty insmod'
check 'the collector is there, and runs' chroot tree /bin/lifeboat-collect --version
check 'so is the configuration' grep -qx 'ext4 LABEL=dump' tree/etc/lifeboat.conf
check 'all kernel modules that are to be loaded are there' all_there
check 'nothing of dracut'"'"'s boot is' gone tree/usr/lib/systemd/systemd tree/usr/bin/udevadm

lifeboat-mkinitrd -c lifeboat.conf -k "$release" --modules-dir "$kernel/lib/modules/$release" \
	--generic all --compress none -o own.img > said 2>&1 || bail 'lifeboat-mkinitrd builds one'
mkdir own
(cd own && cpio -id --quiet < ../own.img)
check_is 'and are the same, in the same order, as those of lifeboat-mkinitrd' \
	"$(names own/etc/lifeboat/modules)" "$(names tree/etc/lifeboat/modules)"
check 'among them is the file system' grep -q 'kernel/fs/xfs/xfs\.ko$' tree/etc/lifeboat/modules

# As dracut's base and dash, which need more than is here.
mkdir "$base/modules.d/00other"
cat > "$base/modules.d/00other/module-setup.sh" << 'END'
check() { return 255; }
install()
{
	inst_binary /bin/dash
	ln -s dash "$initdir/bin/sh"
	ln -s /bin/dash "$initdir/init"
}
END
build -m 'lifeboat other'
ended 0 'dracut with a shell and an init of its own'
check 'the first process is ours all the same' cmp tree/init "$top/initrd/init"
check 'and runs by our shell' chroot tree /bin/sh -c 'type setsid stty insmod'
check 'which has not been written over the other' cmp tree/bin/dash /bin/dash

printf 'path /var/crash\n' > lifeboat.conf
build -m lifeboat
check 'what would be of no use is refused' test "$code" != 0
check 'and told' says 'names no target'
check 'with no image left' gone dracut.img

# ---- the functions alone, with dracut's replaced ----

# module FUNCTION: its exit code; the binaries in $missing are not there.
module()
{
	(
		missing=${missing-}
		initdir=$work/initdir
		kernel=$release
		srcmods=$work/srcmods/
		hostonly=
		require_binaries()
		{
			local name
			for name; do [[ " $missing " != *" $name "* ]] || return 1; done
		}
		# As of a kernel whose modules are compressed.
		instmods()
		{
			local name
			[[ $1 = -c ]] && shift
			mkdir -p "$initdir/lib/modules/$kernel/kernel"
			for name; do
				echo "$name" | xz > "$initdir/lib/modules/$kernel/kernel/${name//_/-}.ko.xz"
			done
		}
		dfatal()
		{
			echo "$*"
		}
		# shellcheck source=initrd/dracut/99lifeboat/module-setup.sh
		. "$top/initrd/dracut/99lifeboat/module-setup.sh"
		"$@"
	)
}

check_code 'it goes in only when it is asked for' 255 module check
missing=lifeboat-collect check_code 'and not where the collector is missing' 1 module check

mkdir -p initdir srcmods initdir.lifeboat/etc/lifeboat
printf 'virtio_blk a=1 b=/2\next4\n' > initdir.lifeboat/etc/lifeboat/modules
printf 'path /\n' > initdir.lifeboat/etc/lifeboat.conf
# Whichever is called first.
check 'installkernel before install' module installkernel
check 'install after it' module install
check_is 'compressed modules are unpacked, and found by either spelling, with their options' \
	"$(printf '/lib/modules/%s/kernel/%s\n' "$release" 'virtio-blk.ko a=1 b=/2' "$release" ext4.ko)" \
	"$(cat initdir/etc/lifeboat/modules)"
check_is 'with their contents' virtio_blk "$(cat "initdir/lib/modules/$release/kernel/virtio-blk.ko")"
check 'the files are there' cmp initdir/etc/lifeboat.conf initdir.lifeboat/etc/lifeboat.conf

finish
