#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# rebuild: what a package runs when kernels come and go, on directories of the test's; and the
# reservation that the package adds to GRUB's command line.

# shellcheck disable=SC2154 # work: golden/lib.sh
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

top=$PWD
cd "$work" || exit 1
mkdir sbin boot state modules modules/{1,2,3,4}
touch boot/vmlinuz-{1,2,4,5} modules/{1,2,3}/modules.dep
export LIFEBOAT_SBIN=$work/sbin LIFEBOAT_BOOT=$work/boot LIFEBOAT_STATE=$work/state \
	LIFEBOAT_MODULES=$work/modules

# Builds what it is told, but for kernel 2 when that cannot be.
cat > sbin/lifeboat-mkinitrd << 'END'
#!/bin/sh
[ "$2" != 2 ] || [ ! -e broken ] || exit 1
echo "$2" > "$4"
END
chmod 755 sbin/lifeboat-mkinitrd

rebuild()
{
	code=0
	"$top/initrd/rebuild" "$@" > said 2>&1 || code=$?
}

built()
{
	(cd state && ls)
}

rebuild
ended 0 'of all kernels'
check_is 'those with an image and modules' "$(printf 'initrd-%s.img\n' 1 2)" "$(built)"
rm state/*
rebuild 2
ended 0 'of one kernel'
check_is 'that one' initrd-2.img "$(built)"
touch broken
rebuild
ended 1 'one that cannot be built'
check 'it is named' says '^lifeboat: no capture initrd for kernel 2; when that is put right: lifeboat-mkinitrd -k 2$'
check 'the others are there' test -e state/initrd-1.img
rebuild 3
ended 1 'a kernel that is not installed'
check 'it is named, too' says '^lifeboat: kernel 3 is not installed'
rebuild --remove 1 7
ended 0 'kernels that go'
check_is 'take theirs along' initrd-2.img "$(built)"

# grub_words LINUX DEFAULT: what grub-mkconfig makes of them with the package's file, where the program is
# at its place.
grub_words()
{
	sed "s|/usr/sbin/lifeboat |$work/sbin/lifeboat |" "$top/debian/lifeboat.cfg" > cfg
	GRUB_CMDLINE_LINUX=$1 GRUB_CMDLINE_LINUX_DEFAULT=$2 \
		sh -c '. ./cfg && echo "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"'
}
check_is 'with the package removed nothing is reserved' ' quiet' "$(grub_words '' quiet)"
touch sbin/lifeboat
chmod 755 sbin/lifeboat
check_is 'memory is reserved through GRUB' ' quiet crashkernel=160M' "$(grub_words '' quiet)"
check_is 'unless some is' 'crashkernel=1G quiet' "$(grub_words crashkernel=1G quiet)"
check_is 'by either variable' ' ro crashkernel=auto' "$(grub_words '' 'ro crashkernel=auto')"

# What runs, with systemd, a service that is up and a /run of its own.
cat > sbin/lifeboat << 'END'
#!/bin/sh
echo "$*" >> called
END
printf '#!/bin/sh\nexit 0\n' > sbin/systemctl
chmod 755 sbin/lifeboat sbin/systemctl
# shellcheck disable=SC2016 # for the shell within
unshare --mount sh -c 'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system &&
	PATH=$1:$PATH "$2" 1' - "$work/sbin" "$top/initrd/rebuild" > said 2>&1
check_is 'what is loaded is replaced only when it changed' 'reload --if-changed --settle=0' \
	"$(cat called)"

finish
