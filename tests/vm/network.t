#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# network.t: after a real crash, the capture kernel brings up a virtio card on QEMU's own
# network: IPv4 by DHCP, IPv6 by router advertisement, and both by static addresses, and reaches
# a listener of the host in each way. Then it saves the dump, on disk, as ever.

# What check calls is not seen to be called.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

readonly MAC=52:54:00:12:34:56
lifeboat=$LIFEBOAT_OUT/lifeboat

vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'

# ---- the listener, on both loopbacks: that is where QEMU's 10.0.2.2 and fec0::2 lead ----

cat > "$vm_dir/listen.py" << 'END'
import socket, sys, threading
four = socket.create_server(("127.0.0.1", 0))
port = four.getsockname()[1]
six = socket.create_server(("::1", port), family=socket.AF_INET6)
print(port, flush=True)
def serve(server):
    while True:
        with server.accept()[0] as s:
            s.settimeout(30)
            print(s.makefile().readline().strip(), flush=True)
threading.Thread(target=serve, args=(six,), daemon=True).start()
serve(four)
END
python3 "$vm_dir/listen.py" > "$vm_dir/heard" 2> "$vm_dir/listen.log" &
listener=$!
trap 'kill "$listener"' EXIT
for ((i = 0; i < 100; i++)); do
	[[ ! -s $vm_dir/heard ]] || break
	sleep 0.1
done
head -n 1 "$vm_dir/heard" > "$vm_dir/port"
check 'a listener runs on the host' test -s "$vm_dir/port" || finish

# ---- what the capture kernel is told ----

printf 'ext4 LABEL=dump\npath /var/crash\n' > "$vm_dir/guest.conf"
{
	cat "$vm_dir/guest.conf"
	# It is not come to; but the network is built in for it, and what ssh needs must be there.
	printf 'fallback ssh root@10.0.2.2\nsshkey %s\nssh_hostkeys %s\n' "$vm_dir/key" "$vm_dir/hosts"
} > "$vm_dir/conf"
ssh-keygen -q -t ed25519 -N '' -C test -f "$vm_dir/key" < /dev/null || bail 'a key can be made'
printf '10.0.2.2 %s\n' "$(cat "$vm_dir/key.pub")" > "$vm_dir/hosts"
{
	cat "$vm_dir/conf"
	printf 'network %s:10.0.2.99/24,gw=10.0.2.2,dns=10.0.2.3 %s:fec0::99/64\n' $MAC $MAC
} > "$vm_dir/static.conf"
check 'static addresses are described' eval \
	"$lifeboat --generic --config $vm_dir/static.conf network > $vm_dir/static" || finish

check 'the machine crashes, and is captured' scripts/lab crash --kernel "$vm_kernel" --memory 512M \
	--cpus 1 --conf "$vm_dir/conf" --guest-conf "$vm_dir/guest.conf" \
	--capture-hook tests/vm/guest/net-hook --capture-extra "$vm_dir/port:/etc/lab/port" \
	--capture-extra "$vm_dir/static:/etc/lab/static" \
	--qemu -netdev --qemu user,id=net0,ipv4=on,ipv6=on \
	--qemu -device --qemu "virtio-net-pci,netdev=net0,mac=$MAC" --out "$vm_dir/lab"
console=$vm_dir/lab/console.log

# ---- what came of it ----

said()
{
	tr -d '\r' < "$console" | grep -aqE "$1"
}

check 'DHCP and a router: up' said '^net-hook: auto code 0$'
check 'an address by DHCP' said 'network: eth0 .*: 10\.0\.2\.15/24 by DHCP'
check 'an address by the router' said 'inet6 fec0::5054:ff:fe12:3456/64'
check 'the name server of the lease' said '^nameserver 10\.0\.2\.3$'
check 'the host is reached by IPv4' grep -qx 'auto 10.0.2.2' "$vm_dir/heard"
check 'the host is reached by IPv6' grep -qx 'auto fec0::2' "$vm_dir/heard"
check 'static addresses: up' said '^net-hook: static code 0$'
check 'the host is reached by IPv4 from there' grep -qx 'static 10.0.2.2' "$vm_dir/heard"
check 'the host is reached by IPv6 from there' grep -qx 'static fec0::2' "$vm_dir/heard"
check 'a card of another address in the same slot: up' said '^net-hook: path code 0$'
check 'the host is reached from there' grep -qx 'path 10.0.2.2' "$vm_dir/heard"
check 'the dump is complete' grep -q '"status": "complete"' "$vm_dir"/lab/disk/*/*/manifest.json ||
	find "$vm_dir/lab/disk" | diag_input
grep -q '^not' "$tap_results" &&
	tr -d '\r' < "$console" | grep -a 'network\|net-hook\|inet' | diag_input
finish
