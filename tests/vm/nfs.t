#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nfs: a dump goes to an NFS server on this host's loopback (nfs-ganesha, in user space), whole and
# under the address of the machine; and a server that does not answer costs a minute or two, not the
# machine. Needs root, for the server.

# shellcheck disable=SC2154,SC2317 # vm_*: vm/lib.sh; functions are called by check()
set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
command -v ganesha.nfsd > /dev/null || bail 'nfs-ganesha is installed: scripts/deps test'
export=$vm_dir/export
mkdir -p "$export" "$vm_dir/recovery" /run/ganesha
server=

cat > "$vm_dir/ganesha.conf" << END
NFS_CORE_PARAM {
	Bind_addr = 127.0.0.1;
	NFS_Port = 2049;
	Protocols = 4;
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
	ganesha.nfsd -F -L "$vm_dir/server.log" -f "$vm_dir/ganesha.conf" -p "$vm_dir/server.pid" \
		> "$vm_dir/server.out" 2>&1 &
	server=$!
	for _ in $(seq 60); do
		listens && return
		sleep 0.5
	done
	return 1
}
trap 'kill -CONT $server 2> /dev/null; kill -KILL $server 2> /dev/null; wait' EXIT

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

check 'the server is up' start_server || finish
check 'a machine crashes, and its dump is committed' crash whole
check 'the directory is called by the address of the machine' named "$(dump)"
check 'the manifest says complete' \
	test "$(jq -r .status "$(dump)/manifest.json")" = complete
check 'it names the boot that died' \
	grep -q '"boot_id": "[0-9a-f-]\{36\}"' "$(dump)/manifest.json"
check 'what the server has is what was written, by its digests' digests_match "$(dump)"
check_is 'nobody but root reads it' 600 "$(stat -c %a "$(dump)/vmcore")"
check 'the log is beside it' grep -q 'sysrq: Trigger a crash' "$(dump)/vmcore-dmesg.txt"

rm -rf "$export/crash"
kill -STOP "$server"
check_fails 'a server that is stopped: the machine comes back, with no dump' 3 \
	crash hung --stage-limit commit=400 --stage-limit reboot=400
check 'the console says why' \
	grep -q 'no answer from 10.0.2.2 in time' "$vm_dir/hung/console.log"
kill -CONT "$server"

finish
