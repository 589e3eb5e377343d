#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nfs: a dump goes to an NFS server on a loopback (nfs-ganesha, in user space), whole and under the
# address of the machine, with version 4 and with version 3; and a server that does not answer costs a
# minute or two, not the machine. Needs root, for the server, which has namespaces of its own: its
# ports, and those of rpcbind, are nobody else's.

# shellcheck disable=SC2154,SC2317 # vm_*: vm/lib.sh; functions are called by check()
set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [[ -z ${NFS_KERNEL-} ]]; then
	vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
	NFS_KERNEL=$vm_kernel exec unshare -m -n -p -f --kill-child --mount-proc "$0"
fi
vm_kernel=$NFS_KERNEL
PATH=$PATH:/sbin:/usr/sbin
for program in ganesha.nfsd rpcbind; do
	command -v "$program" > /dev/null || bail "$program is installed: scripts/deps test"
done
# Without an address that is not of a loopback getaddrinfo(3) knows none at all (AI_ADDRCONFIG).
if ! ip link set lo up || ! ip addr add 192.0.2.1/32 dev lo || ! mount -t tmpfs tmpfs /run; then
	bail 'there are namespaces'
fi
export=$vm_dir/export
mkdir -p "$export" "$vm_dir/recovery" /run/ganesha /run/rpcbind
server=

# write_server_conf VERSION
write_server_conf()
{
	cat > "$vm_dir/ganesha.conf" << END
NFS_CORE_PARAM {
	Bind_addr = 127.0.0.1;
	NFS_Port = 2049;
	MNT_Port = 20048;
	Protocols = $1;
	mount_path_pseudo = true;
	Enable_NLM = false;
	Enable_RQUOTA = false;
}
NFSv4 { Graceless = true; RecoveryRoot = $vm_dir/recovery; }
EXPORT {
	Export_Id = 1;
	Path = $export;
	Pseudo = /dumps;
	Access_Type = RW;
	Squash = No_Root_Squash;
	PrivilegedPort = false;
	SecType = sys;
	Transports = TCP;
	FSAL { Name = VFS; }
}
END
}

# The capture kernel has no description of the network: one address does, on QEMU's own.
cat > "$vm_dir/net-hook" << 'END'
#!/bin/sh
for link in /sys/class/net/*; do
	link=${link##*/}
	[ "$link" != lo ] || continue
	ip link set "$link" up
	ip addr add 10.0.2.15/24 dev "$link"
done
sleep 1
END
printf 'nfs 10.0.2.2:/dumps\npath /crash\nextra_modules virtio_net\nnetwork none\n' > "$vm_dir/conf"

listens()
{
	grep -qi ':0801 [0-9A-F:]* 0A ' /proc/net/tcp /proc/net/tcp6
}

start_server()
{
	write_server_conf "$1"
	ganesha.nfsd -F -L "$vm_dir/server.log" -f "$vm_dir/ganesha.conf" -p "$vm_dir/server.pid" \
		> "$vm_dir/server.out" 2>&1 &
	server=$!
	for _ in $(seq 60); do
		listens && return
		sleep 0.5
	done
	return 1
}

stop_server()
{
	kill -CONT "$server" 2> /dev/null
	kill -KILL "$server" 2> /dev/null
	wait "$server" 2> /dev/null
}
trap stop_server EXIT

crash()
{
	local out=$1
	shift
	scripts/lab crash --kernel "$vm_kernel" --memory 1G --cpus 1 --conf "$vm_dir/conf" \
		--disk-size none --capture-hook "$vm_dir/net-hook" --crashkernel 192M \
		--qemu -netdev --qemu user,id=n0 --qemu -device --qemu virtio-net-pci,netdev=n0 \
		--out "$vm_dir/$out" --quiet "$@"
}

# The only crash directory on the server.
dump()
{
	set -- "$export"/crash/*
	[[ $# = 1 && -d $1 ]] && printf '%s\n' "$1"
}

named()
{
	[[ ${1##*/} =~ ^10\.0\.2\.15-[0-9]{4}- ]]
}

digests_match()
{
	local bytes
	bytes=$(jq -r .digest.index_bytes "$1/manifest.json") &&
		[[ $(head -c "$bytes" "$1/vmcore" | xxh64sum | cut -d' ' -f1) = \
		$(jq -r .digest.index "$1/manifest.json") ]] &&
		[[ $(tail -c +$((bytes + 1)) "$1/vmcore" | xxh64sum | cut -d' ' -f1) = \
		$(jq -r .digest.data "$1/manifest.json") ]]
}

# try_version VERSION: which is all that the server has.
try_version()
{
	check "version $1: the server is up" start_server "$1" || finish
	check "version $1: a machine crashes, and its dump is committed" crash "whole$1"
	check "version $1: that is how it was mounted" \
		grep -q "10.0.2.2:/dumps at 10.0.2.2 mounted, vers=$1" "$vm_dir/whole$1/console.log"
	check "version $1: the directory is called by the address of the machine" named "$(dump)"
	check "version $1: the manifest says complete" \
		test "$(jq -r .status "$(dump)/manifest.json")" = complete
	check "version $1: it names the boot that died" \
		grep -q '"boot_id": "[0-9a-f-]\{36\}"' "$(dump)/manifest.json"
	check "version $1: what the server has is what was written, by its digests" digests_match "$(dump)"
	check_is "version $1: nobody but root reads it" 600 "$(stat -c %a "$(dump)/vmcore")"
	check "version $1: the log is beside it" \
		grep -q 'sysrq: Trigger a crash' "$(dump)/vmcore-dmesg.txt"
	rm -rf "$export/crash"
}

rpcbind -f > "$vm_dir/rpcbind.log" 2>&1 &
try_version 3
stop_server
try_version 4
kill -STOP "$server"
check_fails 'a server that is stopped: the machine comes back, with no dump' 3 \
	crash hung --stage-limit commit=400 --stage-limit reboot=400
check 'the console says why' \
	grep -q 'no answer from 10.0.2.2 in time' "$vm_dir/hung/console.log"
kill -CONT "$server"

finish
