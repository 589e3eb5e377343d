#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mkinitrd: what lifeboat-mkinitrd puts into the initrd beside the collector, for a kernel with
# everything built in.

# shellcheck disable=SC2154,SC2317 # out, work: golden/lib.sh; functions are called by check
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

golden_needs lifeboat lifeboat-collect
modules=$work/modules
mkdir -p "$modules" "$work/hooks"
: > "$modules/modules.dep"
printf 'kernel/fs/%s.ko\n' ext4/ext4 nfs/nfs fuse/virtiofs > "$modules/modules.builtin"
cd "$work" || exit 1
generic=(--generic virtio)

mkinitrd=$OLDPWD/initrd/lifeboat-mkinitrd
# build CONFIGURATION-LINE...: the initrd, unpacked in tree; what was said is in said.
build()
{
	rm -rf tree
	mkdir tree
	printf '%s\n' "$@" > lifeboat.conf
	code=0
	"$mkinitrd" -c lifeboat.conf -k test -o initrd.img "${generic[@]}" \
		--modules-dir "$modules" --kernel-config /dev/null --compress none \
		--lifeboat "$out/lifeboat" --collector "$out/lifeboat-collect" > said 2>&1 || code=$?
	[[ $code != 0 ]] || (cd tree && cpio -id --quiet < ../initrd.img)
}

printf '#!/bin/sh\nexit 0\n' > hooks/pre
printf '#!/usr/bin/env bash\nexit 0\n' > hooks/post
chmod 755 hooks/pre hooks/post
printf '#!/bin/sh\n' > hooks/not-executable

build 'ext4 LABEL=dump' 'path /' "kdump_pre $work/hooks/pre" "kdump_post $work/hooks/post" \
	'fallback nfs server:/dumps'
ended 0 'hooks of the configuration'
check 'a hook stands at its own place, and can be run' test -x "tree$work/hooks/pre"
check 'the shell it names is busybox' test -L tree/bin/sh
check 'the interpreter that env looks for is there' test -x "tree$(command -v bash)"
check 'and env is' test -L tree/bin/env
check 'the initrd names them' grep -qx "kdump_post $work/hooks/post" tree/etc/lifeboat.conf
check 'and the further target' grep -qE '^fallback nfs server:/dumps' tree/etc/lifeboat.conf

build 'ext4 LABEL=dump' "kdump_pre $work/hooks/not-executable"
ended 1 'a hook that cannot be run'
check 'it is named' says "not-executable: a hook of lifeboat.conf that is not there or cannot be run"
build 'ext4 LABEL=dump' 'kdump_emergency /nowhere'
ended 1 'a hook that is not there'

# Installed, it has the running system's own init beside it.
mkdir -p usr/sbin usr/lib/lifeboat
cp "$OLDPWD/initrd/lifeboat-mkinitrd" usr/sbin/
cp /bin/true usr/sbin/init
cp "$OLDPWD/initrd/init" usr/lib/lifeboat/
mkinitrd=$work/usr/sbin/lifeboat-mkinitrd
build 'ext4 LABEL=dump'
ended 0 'installed beside an init'
check 'the first process is that of the capture kernel all the same' cmp tree/init usr/lib/lifeboat/init

# Whose root file system it would be, nobody knows.
build 'ext4 LABEL=dump' 'failure_action dump_to_rootfs'
ended 1 'dump_to_rootfs for another machine'
check 'it says so' says 'dump_to_rootfs; an initrd for another machine needs a target'
build 'path /var/crash'
ended 1 'no target for another machine'
check 'it says so, too' says 'names no target; an initrd for another machine needs a target'

build 'ext4 LABEL=dump' 'network any:dhcp' 'fence_kdump_nodes 192.0.2.4'
ended 0 'a node of a cluster'
check 'the network is there for it' grep -qx 'host 192.0.2.4 node 192.0.2.4' tree/etc/lifeboat/network
check 'and it is named' grep -qx 'fence_kdump_nodes 192.0.2.4' tree/etc/lifeboat.conf

check 'for another machine it does not say what it was made of' gone tree/etc/lifeboat/sources

# A directory of this machine, of which a findmnt here says where it lies.
generic=()
mkdir -p bin
cat > bin/findmnt << 'END'
#!/bin/sh
case $3 in
SOURCE) echo crashes ;;
FSTYPE) echo virtiofs ;;
TARGET) echo / ;;
FSROOT) echo /sub ;;
esac
END
chmod 755 bin/findmnt
PATH=$PWD/bin:$PATH
build 'nfs server:/dumps' 'network none' 'fallback local /srv/no/such limit=9'
ended 0 'a directory of this machine'
check 'the initrd has its file system' \
	grep -qx 'fallback virtiofs crashes path=/sub/srv/no/such limit=9' tree/etc/lifeboat.conf
check 'and the first target as it was' grep -qx 'nfs server:/dumps' tree/etc/lifeboat.conf

# What it was made of.
build 'nfs server:/dumps' 'network none' "kdump_pre $work/hooks/pre"
ended 0 'for this machine'
source_of()
{
	printf '%s %s %s' "$1" "$(sha256sum < "$2" | cut -d ' ' -f 1)" "$2"
}
check 'it says of which configuration it was made' \
	grep -qxF "$(source_of config "$work/lifeboat.conf")" tree/etc/lifeboat/sources
check 'of which collector' grep -qxF "$(source_of file "$out/lifeboat-collect")" tree/etc/lifeboat/sources
check 'and of which hooks' grep -qxF "$(source_of file "$work/hooks/pre")" tree/etc/lifeboat/sources

# In two parts: the collector, first process of a namespace, unpacks the second and starts its /init.
cat > first << 'END'
#!/bin/sh
echo "process $$, mask $(umask)"
# As sha256sum would name the files of the whole.
find . -type f ! -path ./listing | LC_ALL=C sort | xargs sha256sum > /listing
END
chmod 755 first
generic=(--generic virtio --init "$work/first" --extra "$(command -v sha256sum):/bin/sha256sum"
	--extra "$(command -v find):/bin/find" --extra "$(command -v sort):/bin/sort"
	--extra "$(command -v xargs):/bin/xargs")
build 'ext4 LABEL=dump'
ended 0 'in one part'
# That of the capture kernel would reset this machine.
check 'with an init for a test' cmp first tree/init || finish
(cd tree && find . -type f | LC_ALL=C sort | xargs sha256sum) > whole
size=$(stat -c %s initrd.img)
rm initrd.img
generic+=(--compress gzip)
build_parts()
{
	"$mkinitrd" -c lifeboat.conf -k test -o initrd.img --modules-dir "$modules" \
		--lifeboat "$out/lifeboat" --collector "$out/lifeboat-collect" "${generic[@]}"
}
check 'in two parts' build_parts
mkdir parts
(cd parts && gzip -dc ../initrd.img | cpio -id --quiet)
check_is 'the first has the collector, the configuration, the other part and no more' \
	'./bin/lifeboat-collect ./etc/lifeboat.conf ./etc/lifeboat/modules ./init ./rest.cpio.zst ' \
	"$(cd parts && find . ! -type d | LC_ALL=C sort | tr '\n' ' ')"
first=$(du -sb parts | cut -f 1)
check "it is less than two thirds of the whole: $first of $size bytes" test $((first * 3)) -lt $((size * 2))
run_parts()
{
	unshare --mount --pid --fork chroot "$PWD/parts" /init > ran
}
check 'the collector unpacks it and starts what is in it' run_parts
check 'as the first process, with the mask that it was given' grep -qx 'process 1, mask 0022' ran
check 'all is there as in one part' diff whole parts/listing
check 'and the packed one is gone' gone parts/rest.cpio.zst
generic+=(--extra "$work/first:/bin/lifeboat-collect")
check 'with something else in the place of the collector' build_parts
mkdir other
(cd other && gzip -dc ../initrd.img | cpio -id --quiet)
check 'there is one part, with the init in it' cmp first other/init
check 'and what was put in' cmp first other/bin/lifeboat-collect
finish
