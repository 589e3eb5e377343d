#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ssh-receive: dumps to lifeboat-receive, the forced command of a key, through a real sshd on the
# loopback: the same pages as a local dump, and one clear line where there is no room or no way.
# What breaks on the way is in tests/vm/shore.

# What check calls is not seen to be called.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"
golden_needs lifeboat lifeboat-collect lifeboat-receive tests/tools/mkkernel tests/tools/relay \
	tests/oracle/kdumpcmp
sshd=$PWD/tests/vm/sshd
relay=$out/tests/tools/relay
receive=$out/lifeboat-receive
cd "$work" || exit 1
mkkernel "$golden/order/worth.kernel" core
trap 'stop_relay; "$sshd" kill far; rm -rf "$work"' EXIT
relay_pid=

# ---- the far side ----

# allow COMMAND...: what the key may run, and nothing else.
allow()
{
	mkdir -p far
	printf 'restrict,command="%s" %s\n' "$*" "$(cat key.pub)" > far/authorized
}

stop_relay()
{
	[[ -z $relay_pid ]] || kill "$relay_pid" 2> /dev/null
	relay_pid=
}

# Between the collector and sshd.
start_relay()
{
	stop_relay
	# Not what the one before has said.
	: > relay.log
	"$relay" 127.0.0.1 "$port" > relay.log 2>&1 &
	relay_pid=$!
	disown
	until grep -q '^port ' relay.log; do
		kill -0 "$relay_pid" || bail 'the relay works'
		sleep 0.02
	done
	relay_port=$(sed -n 's/^port //p' relay.log)
	printf '[127.0.0.1]:%s %s\n' "$relay_port" "$(cut -d ' ' -f 1,2 far/host_key.pub)" > known_hosts
}

conf()
{
	printf '%s\n' "ssh $(id -un)@127.0.0.1:$relay_port" "path /" "sshkey $work/key" \
		"ssh_hostkeys $work/known_hosts" 'ssh_method receive' 'network_timeout 20' \
		'core_collector lifeboat-collect -d 0 --codec none' "$@" > conf
}

# A dump through a relay.
run_way()
{
	rm -rf root
	mkdir -m 700 root
	start_relay
	conf
	run --config conf core
	dir=$(echo root/*)
}

"$sshd" keys . || bail 'a key can be made'
allow "$receive --root $work/root"
port=$("$sshd" start far) || bail 'sshd works'

"$collect" -d 0 --codec none core local > said 2>&1 || bail "a local dump: $(cat said)"

whole()
{
	[[ -e $dir/vmcore && ! -e $dir/vmcore-incomplete && ! -e $dir/vmcore-mini ]] &&
		"$kdumpcmp" local "$dir/vmcore"
}

private()
{
	[[ -z $(find root -type f ! -perm 0600) && -z $(find root -type d ! -perm 0700) ]]
}

# member NAME VALUE: of the manifest over there.
member()
{
	grep -q "\"$1\": \"\{0,1\}$2" "$dir/manifest.json"
}

complete()
{
	ended 0 "$1"
	ok "$1: page for page the local dump" whole
	ok "$1: the manifest says complete" member status complete
	ok "$1: only its owner can read anything" private
}

run_way
complete 'a key with a forced command'
ok 'the panic record is there' test -s "$dir/panic.txt"
ok 'and the log of the collector' test -s "$dir/collect.log"
ok 'the directory has the name of this machine there' test "${dir##*/127.0.0.1-}" != "$dir"
ok 'libkdumpfile reads the same' test \
	"$("$out/tests/oracle/kdumpfile_hash" local)" = "$("$out/tests/oracle/kdumpfile_hash" "$dir/vmcore")"
# The same second, another run: a directory of its own.
start_relay
conf
first=$dir
run --config conf core
ended 0 'once more'
dir=$first.1
ok 'once more: a directory of its own' whole
dir=$first
ok 'once more: the first one is as it was' whole

# ---- no room ----

allow "$receive --root $work/root --quota 2M"
run_way
ended 0 'more than the quota: a smaller dump has room'
ok 'more than the quota: the line says so' says 'quota'
ok 'more than the quota: what is called complete is' "$kdumpcmp" --check "$dir/vmcore"
allow "$receive --root $work/root"

# ---- no way ----

# refused TEXT PATTERN: of what is set up.
refused()
{
	run --config conf core
	ended 1 "$1"
	ok "$1: one line says why and what to do" says "$2"
	ok "$1: nothing was made there" test -z "$(ls root)"
}
rm -rf root
mkdir -m 700 root
start_relay
conf
ssh-keygen -q -t ed25519 -N '' -C '' -f other
printf '[127.0.0.1]:%s %s\n' "$relay_port" "$(cut -d ' ' -f 1,2 other.pub)" > known_hosts
refused 'another host key' 'host key is not the one that was pinned.*propagate'
start_relay
conf
sed -i "s|^sshkey .*|sshkey $work/other|" conf
refused 'a key that is refused' 'refuses the key.*propagate'
conf
allow "$work/nosuchprogram"
refused 'no lifeboat-receive there' 'nosuchprogram'
allow "$receive --root $work/nosuchroot"
conf 'network_timeout 4'
refused 'a root that is not there' 'nosuchroot'

# ---- lifeboat propagate ----

conf
"$out/lifeboat" --config conf --yes propagate > said 2>&1
line="command=\"lifeboat-receive --root /\",restrict $(cut -d ' ' -f 1,2 key.pub)"
ok 'propagate says which line authorized_keys needs' grep -qF "$line" said

finish
