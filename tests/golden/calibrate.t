#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# calibrate: the search for the smallest reservation, with a QEMU that is a script and captures from
# a size on that the test knows; what is put behind the initrd; what `lifeboat calibrate` keeps of
# it, and that `lifeboat estimate` takes it from there.

# What is checked is called by its name.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

golden_needs lifeboat lifeboat-collect
calibrate=$PWD/initrd/lifeboat-calibrate
mkinitrd=$PWD/initrd/lifeboat-mkinitrd
modules=$work/modules
mkdir -p "$modules/kernel" "$work/bin" "$work/none"
printf 'kernel/virtio_blk.ko:\nkernel/virtio_pci.ko:\n' > "$modules/modules.dep"
printf 'kernel/fs/ext4/ext4.ko\n' > "$modules/modules.builtin"
printf 'module\n' | tee "$modules/kernel/virtio_blk.ko" > "$modules/kernel/virtio_pci.ko"
cd "$work" || exit 1
printf 'a kernel\n' > kernel
printf 'ext4 LABEL=dump\n' > conf
"$mkinitrd" -c conf -k test -o initrd --generic virtio --modules-dir "$modules" --compress none \
	--kernel-config /dev/null --lifeboat "$out/lifeboat" --collector "$out/lifeboat-collect" \
	> /dev/null || bail 'there is an initrd'

# What it boots is kept; from $NEED MiB on, it captures.
cat > bin/qemu-system-x86_64 << 'END'
#!/bin/bash
while [[ $# -gt 0 ]]; do
	case $1 in
	-initrd) cp "$2" guest ;;
	-append) size=${2##*crashkernel=} ;;
	esac
	shift
done
# Asked whether KVM works: it does not.
[[ -n ${size-} ]] || exit 1
printf '%s\n' "${size%M}" >> tried
[[ ${size%M} -ge $ALIVE ]] || exit 1
# One that takes long, as a real one does.
if [[ -n ${SLOW-} ]]; then
	echo $$ > machine
	exec sleep 300
fi
printf '\ncalibrate: crashing\n'
[[ ${size%M} -lt $NEED ]] || printf 'lifeboat-collect: committed\n'
END
chmod 755 bin/qemu-system-x86_64

# search NEED GUESS [ALIVE]: what it finds.
search()
{
	rm -f tried
	code=0
	NEED=$1 ALIVE=${3-0} PATH=$work/bin:$PATH "$calibrate" --kernel kernel --initrd initrd \
		--release test --modules-dir "$modules" --has has --guess "$2" \
		--lifeboat "$out/lifeboat" --collector "$out/lifeboat-collect" \
		--mkinitrd "$mkinitrd" > said 2>&1 || code=$?
}

printf 'virtio_blk\n' > has
for need in 33 64 150; do
	search "$need" 62
	check "needs $need: the next multiple of four" grep -qx "need $(((need + 3) / 4 * 4))" said
	check "needs $need: few tries" test "$(wc -l < tried)" -le 9
	check_is "needs $need: none twice" "$(sort -u tried | wc -l)" "$(wc -l < tried)"
done
search 5000 62
ended 1 'more than anybody has'
check 'it is given up' says 'not even with'
search 64 64 100
ended 1 'a machine that does not come up'
check 'it says so' says 'does not even come to crash'

# ---- who asked is gone, or had enough ----

mkdir tmp
# slow HOW: one that is in the midst of a try, and then HOW; $asker and $script are set before.
slow()
{
	rm -f machine script
	SLOW=1 TMPDIR=$work/tmp NEED=64 ALIVE=0 PATH=$work/bin:$PATH \
		setsid bash -c 'echo $$ > asker; "$@" > said 2>&1 & echo $! > script; wait' asker \
			"$calibrate" --kernel kernel --initrd initrd --release test \
			--modules-dir "$modules" --has has --guess 64 --lifeboat "$out/lifeboat" \
			--collector "$out/lifeboat-collect" --mkinitrd "$mkinitrd" &
	for _ in {1..300}; do
		[[ -s machine ]] && break
		sleep 0.1
	done
	[[ -s machine ]] || return 1
	modes=$(stat -c %a tmp/lifeboat-calibrate.*)
	"$@"
}
by_asker()
{
	kill -KILL "$(cat asker)"
}
by_signal()
{
	kill -TERM "$(cat script)"
}
by_group()
{
	kill -KILL -- "-$(cat asker)"
}
# Of what it began nothing goes on; and where it could, it takes its files away.
ends()
{
	for _ in {1..100}; do
		kill -0 "$(cat machine)" 2> /dev/null || break
		sleep 0.1
	done
	! kill -0 "$(cat machine)" 2> /dev/null || {
		kill -KILL "$(cat machine)"
		return 1
	}
}
tidy()
{
	for _ in {1..100}; do
		[[ -z $(ls tmp) ]] && return 0
		sleep 0.1
	done
	ls -l tmp
	rm -rf tmp/*
	return 1
}
for how in by_asker by_signal; do
	check "a slow try, ended $how" slow $how
	check_is "$how: its files are nobody else's" 700 "$modes"
	check "$how: the machine in QEMU is gone" ends
	check "$how: its files are gone" tidy
done
check 'a slow try, killed with all its group' slow by_group
check 'killed: the machine in QEMU is gone' ends
rm -rf tmp/*
TMPDIR=$work/tmp NEED=64 ALIVE=0 PATH=$work/bin:$PATH "$calibrate" --kernel kernel --initrd initrd \
	--release test --modules-dir "$modules" --has has --guess 64 --lifeboat "$out/lifeboat" \
	--collector "$out/lifeboat-collect" --mkinitrd "$mkinitrd" 2> /dev/null | true
check 'nobody reads what it prints: its files are gone' tidy

# ---- what it boots ----

search 64 64
mkdir guest.tree capture.tree
(cd guest.tree && cpio -id --quiet < ../guest)
check 'the initrd is the very one, with more behind it' \
	cmp -n "$(stat -c %s initrd)" initrd guest.tree/boot/initrd
tail -c +$((($(stat -c %s initrd) + 3) / 4 * 4 + 1)) guest.tree/boot/initrd > overlay
(cd capture.tree && cpio -id --quiet < ../overlay)
check_is 'the module that it has not is loaded' 'insmod /lib/calibrate/virtio_pci.ko' \
	"$(tail -n +2 capture.tree/etc/lifeboat/pre-collect)"
check 'and is there' test -f capture.tree/lib/calibrate/virtio_pci.ko
check 'the other is not there twice' test ! -e capture.tree/lib/calibrate/virtio_blk.ko
check 'its disk is the target' grep -qx 'ext4 LABEL=lbcal' capture.tree/etc/lifeboat.conf

# ---- what is kept ----

# A kernel that says that it takes 40 MiB. What is kept is kept for this test alone, and without
# root's rights outside there is no memory to be seen, nor a reservation.
truncate -s 1024 vmlinuz
printf HdrS | dd of=vmlinuz bs=1 seek=514 conv=notrunc status=none
printf '\0\0\200\2' | dd of=vmlinuz bs=1 seek=608 conv=notrunc status=none
mkdir -p programs state
cp "$out/lifeboat" "$out/lifeboat-collect" "$mkinitrd" programs
cat > programs/lifeboat-calibrate << END
#!/bin/sh
exec "$calibrate" "\$@" --modules-dir "$modules" --mkinitrd "$mkinitrd"
END
chmod 755 programs/lifeboat-calibrate

# A user's namespace is what makes others root, and is not to be had in a chroot.
own=(unshare --mount)
[[ $(id -u) = 0 ]] || own+=(--map-root-user)

# Where the memory of this machine lies is not told, as to anybody but root: it has its part in the sum.
sed 's/[0-9a-f]*-[0-9a-f]* :/00000000-00000000 :/' /proc/iomem > iomem

# lifeboat WORD...: with its state in the directory state.
lifeboat()
{
	code=0
	NEED=64 ALIVE=0 PATH=$work/bin:$PATH "${own[@]}" bash -c 'mount -t tmpfs tmpfs /var/lib &&
		mkdir /var/lib/lifeboat && mount --bind state /var/lib/lifeboat &&
		mount --bind iomem /proc/iomem && exec "$@"' \
		lifeboat programs/lifeboat --config target.conf "$@" > answer 2> said || code=$?
	cat answer >> said
}

# estimate KEY: a number of its answer, in MiB.
estimate()
{
	lifeboat estimate --json
	python3 -c 'import json, sys
print((json.load(open("answer"))[sys.argv[1]] + (1 << 20) - 1) >> 20)' "$1"
}

for target in 'ext4 LABEL=dump' 'ssh kdump@vault'; do
	printf '%s\n' "$target" "kernel $work/vmlinuz" "initrd $work/initrd" 'capture_cpus 1' \
		> target.conf
	rm -f state/* tried
	check_is "$target: nothing is measured yet" 0 "$(estimate measured_bytes)"
	computed=$(estimate need_bytes)
	lifeboat calibrate
	ended 0 "$target: lifeboat calibrate"
	check "$target: it shows the tries" says '^64 MiB: captured'
	check "$target: and says what it found" says 'smallest that captured in QEMU, .* tries: 64 MiB'
	case $target in
	# Struct pages of a section more, at the worst place.
	ext4*) need=66 ;;
	# 8 MiB of ssh and 3 of the network, too.
	*) need=77 ;;
	esac
	check_is "$target: estimate takes it" "$need" "$(estimate measured_bytes)"
	check_is "$target: as what is needed" "$need" "$(estimate need_bytes)"
	check "$target: and not what it computed, $computed" test "$computed" -ne "$need"
	check_is "$target: with a margin for the next boot" $(((need + 3) / 4 * 4 + 4)) \
		"$(estimate crashkernel_bytes)"
	lifeboat estimate
	check "$target: it says by what" says "measured: $need MiB, by lifeboat calibrate: smallest"
done
printf '\n' >> vmlinuz
check_is 'of another kernel it says nothing' 0 "$(estimate measured_bytes)"

# ---- without QEMU ----

for tool in sh mktemp dirname rm cat; do
	ln -s "$(command -v "$tool")" "none/$tool"
done
code=0
sed "s|^PATH=.*|PATH=$work/none|" "$calibrate" > without
PATH=$work/none sh without --kernel kernel --initrd initrd --release test --guess 64 > said 2>&1 ||
	code=$?
ended 1 'without QEMU'
check 'it says what is missing' says 'there is no qemu-system-x86_64 here'

finish
