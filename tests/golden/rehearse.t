#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# rehearse: lifeboat-collect --rehearse on a core made from text: a directory, another machine by
# ssh, and what is wrong with either, each told before any crash and with what helps. Nothing is
# left behind, and nothing that was there is touched. tests/vm/rehearse.t has the running kernel.

# What is checked is called by its name.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

golden_needs lifeboat-collect tests/tools/mkkernel
top=$PWD
sshd=$top/tests/vm/sshd
mkkernel tests/golden/order/worth.kernel "$work/core"
cd "$work" || exit 1

# rehearse CONF-LINE...: what it prints goes to answer, what it says to said.
rehearse()
{
	printf '%s\n' "$@" > conf
	code=0
	"$collect" --rehearse --config conf "${memory[@]}" core > answer 2> said || code=$?
}
memory=()

# of PATH: a value of the answer, by a path of Python's.
of()
{
	python3 -c 'import json, sys
print(eval("a" + sys.argv[1], {"a": json.load(open("answer"))}))' "$1"
}

is()
{
	check_is "$1" "$3" "$(of "$2")" || diag_input < answer
}

matches()
{
	of "$1" | grep -qE "$2"
}

# at_least NUMBER PATH
at_least()
{
	[[ $(of "$2") -ge $1 ]]
}

below()
{
	[[ $(of "$2") -lt $1 ]]
}

empty()
{
	[[ -z $(ls -A "$1") ]]
}

mkdir -p crash/127.0.0.1-2026-01-01-00:00:00
printf 'old\n' > crash/127.0.0.1-2026-01-01-00:00:00/vmcore

# ---- a directory ----

rehearse "path $work/crash" 'keep_dumps 1'
ended 0 'a directory'
is 'all is well' '["result"]' ok
is 'to the end' '["targets"][0]["stage"]' commit
is 'it took all of it' '["targets"][0]["took"]' "['record', 'dmesg', 'mini', 'pages']"
check 'a sample was read back' at_least 1000000 '["targets"][0]["read_back_bytes"]'
check 'sizes of four levels are predicted' matches '["targets"][0]["levels"]' \
	"'level': 31.*'level': 17.*'level': 1,.*'level': 0"
"$collect" -d 31 core whole > /dev/null 2>&1
predicted=$(of '["targets"][0]["levels"][0]["bytes"]')
real=$(stat -c %s whole)
check "the prediction is within a fifth: $predicted, $real" \
	test $((predicted * 5)) -gt $((real * 4)) -a $((predicted * 4)) -lt $((real * 5))
check_is 'nothing is left, and what was there is there still' 127.0.0.1-2026-01-01-00:00:00 \
	"$(ls crash)"

# What a rehearsal that was killed left behind goes with a later one: what it wrote, and what is old.
mkdir crash/lifeboat-rehearsal-2026-01-01-00:00:00 crash/lifeboat-rehearsal-2026-01-02-00:00:00 \
	crash/lifeboat-rehearsal-2026-01-03-00:00:00
touch crash/lifeboat-rehearsal-2026-01-0{1,2,3}-00:00:00/vmcore-incomplete
touch crash/lifeboat-rehearsal-2026-01-02-00:00:00/mine
touch -d '2 days ago' crash/lifeboat-rehearsal-2026-01-0{1,2}-00:00:00
rehearse "path $work/crash"
is 'remains of another: all is well' '["result"]' ok
check_is 'remains of another are gone, where they are old and its own' \
	'lifeboat-rehearsal-2026-01-02-00:00:00 lifeboat-rehearsal-2026-01-03-00:00:00' \
	"$(cd crash && echo lifeboat-rehearsal-*)"
rm -r crash/lifeboat-rehearsal-*

# This machine's go at once, unless somebody is at work in one: in another boot nobody is.
boot=$(cut -c 1-8 /proc/sys/kernel/random/boot_id)
id=$(cat /etc/machine-id 2> /dev/null)
machine=$(printf 'lifeboat-rehearsal-%s%s' "$(uname -n)" "$id" | sha256sum | cut -c 1-8)
bash -c 'echo $$' > gone
mine=lifeboat-rehearsal-$machine-$boot
remains=("$mine-$(cat gone)-2026" "$mine-$$-2026" "lifeboat-rehearsal-$machine-01234567-1-2026"
	"lifeboat-rehearsal-01234567-$boot-$(cat gone)-2026")
make_remains()
{
	local name
	for name in "${remains[@]}"; do
		mkdir -p "$1/$name"
		touch "$1/$name/vmcore-incomplete" "$1/$name/vmcore-mini"
	done
}
make_remains crash
rehearse "path $work/crash"
check_is 'only those are left in which somebody may be at work' \
	"$(printf '%s\n' "${remains[3]}" "${remains[1]}" | sort)" \
	"$(cd crash && printf '%s\n' lifeboat-rehearsal-* | sort)"
rm -r crash/lifeboat-rehearsal-*

# ---- a directory that cannot be ----

printf 'x\n' > file
rehearse "path $work/file/crash"
ended 0 'a path that is no directory'
is 'it fails' '["result"]' failed
check 'it says what is no directory' matches '["targets"][0]["reason"]' "$work/file.*Not a directory"

# A user's namespace is what makes others root, and is not to be had in a chroot.
own=(unshare --mount)
[[ $(id -u) = 0 ]] || own+=(--map-root-user)

# small SIZE FULL CONF-LINE...: a file system of that size, of which FULL bytes are taken by an older
# dump: in a name space where we may mount one.
small()
{
	local size=$1 full=$2
	shift 2
	mkdir -p small
	printf '%s\n' "path $work/small" "$@" > conf
	code=0
	# shellcheck disable=SC2016 # for the shell in there
	"${own[@]}" bash -c 'mount -t tmpfs -o size=$1 tmpfs small || exit 99
		dump=small/127.0.0.1-2026-01-01-00:00:00
		[[ $2 = 0 ]] || { mkdir $dump && truncate -s 1 $dump/vmcore &&
			fallocate -l $2 $dump/vmcore; } || exit 99
		shift 2
		"$@"
		code=$?
		ls -A small > left
		exit $code' small "$size" "$full" \
		"$collect" --rehearse --config conf core > answer 2> said || code=$?
}
small 4M,nr_inodes=2 0
ended 0 'a full target'
is 'it fails' '["result"]' failed
check 'it says so' matches '["targets"][0]["reason"]' 'No space left'
check_is 'it is empty again' '' "$(cat left)"

# What is asked for is more than the little that the others take, and is told before it is tried.
small 256k 0 'core_collector lifeboat-collect -d 0'
ended 0 'a target that is too small'
is 'it fails' '["result"]' failed
check 'it says what is free, and what helps' matches '["targets"][0]["reason"]' \
	'MiB are free there, and the dump is to take .*: make room'
is 'the others were taken' '["targets"][0]["took"]' "['record', 'dmesg', 'mini']"
check_is 'it is empty again' '' "$(cat left)"

# A capture would let the older dump go; a rehearsal does not, nor does it fill what is left.
small 1M 600K 'core_collector lifeboat-collect -d 0' 'keep_dumps 1'
ended 0 'room only where an older dump is'
is 'it is no failure' '["result"]' warn
check 'it says what will go' matches '["targets"][0]["notes"]' 'older dumps will have to go first'
check 'and that no sample was written' matches '["targets"][0]["notes"]' 'no sample of the dump'
is 'the others were taken' '["targets"][0]["took"]' "['record', 'dmesg', 'mini']"
check_is 'the older dump is there' 127.0.0.1-2026-01-01-00:00:00 "$(cat left)"
small 30M 0 'min_free 30M'
is 'what min_free keeps is not for a sample' '["targets"][0]["took"]' "['record', 'dmesg', 'mini']"

rehearse 'ext4 LABEL=nowhere' 'device_timeout 0'
ended 0 'a device that is not there'
is 'it fails in time' '["targets"][0]["stage"]' target
check 'it says so' matches '["targets"][0]["reason"]' 'no such device'

# A second target is tried whatever the first one says.
rehearse 'ext4 LABEL=nowhere' 'device_timeout 0' 'fallback raw /dev/null'
ended 0 'two targets'
is 'both were tried' '["targets"].__len__()' 2

rehearse 'no-such-key 1'
ended 2 'a configuration that is wrong'

# ---- memory ----

memory=(--memory 24M)
rehearse "path $work/crash"
ended 0 'with the memory of a small reservation'
is 'all is well' '["result"]' ok
check 'the collector means to take no more than it gets there' \
	below $((8 << 20)) '["targets"][0]["budget_bytes"]'
memory=()

# ---- another machine ----

"$sshd" keys far > /dev/null || bail 'a key for clients'
port=$("$sshd" start far/one) || bail 'an sshd runs'
trap '"$sshd" kill "$work/far/one"; "$sshd" kill "$work/far/two"; rm -rf "$work"' EXIT
"$sshd" known far/one "$port" > hosts
conf=("ssh $(id -un)@127.0.0.1:$port" "path $work/there" "sshkey $work/far/key"
	"ssh_hostkeys $work/hosts" 'network_timeout 10')

rehearse "${conf[@]}"
ended 0 'ssh'
is 'all is well' '["result"]' ok
check 'it was checked over there' matches '["targets"][0]["notes"]' 'read back over there'
check 'nothing is left there' empty there

make_remains there
rehearse "${conf[@]}"
is 'remains of another: all is well' '["result"]' ok
check_is 'over there, too, only those are left in which somebody may be at work' \
	"$(printf '%s\n' "${remains[3]}" "${remains[1]}" | sort)" "$(cd there && printf '%s\n' * | sort)"
rm -r there/lifeboat-rehearsal-*

# Another sshd, where the dump is kept waiting: what ends it is said before.
cat > wait-for-dump << END
#!/bin/sh
case \$SSH_ORIGINAL_COMMAND in
*vmcore-incomplete*) [ -e $work/go ] || { : > $work/waits; exec sleep 300; } ;;
esac
eval "\$SSH_ORIGINAL_COMMAND"
END
chmod 755 wait-for-dump
slow=$("$sshd" start far/two "$work/wait-for-dump") || bail 'a slow sshd runs'
"$sshd" known far/two "$slow" > slow-hosts
# ended_in_the_midst HOW: a rehearsal that HOW ends while the dump is written.
ended_in_the_midst()
{
	rm -f waits go
	printf '%s\n' "ssh $(id -un)@127.0.0.1:$slow" "path $work/there" "sshkey $work/far/key" \
		"ssh_hostkeys $work/slow-hosts" 'network_timeout 10' > conf
	# shellcheck disable=SC2016 # for the shell in there
	setsid bash -c 'echo $$ > asker; "$@" & echo $! > pid; wait $!' asker \
		"$collect" --rehearse --config conf core > answer 2> said &
	for _ in {1..300}; do
		[[ -e waits ]] && break
		sleep 0.1
	done
	[[ -e waits ]] && [[ -n $(ls there) ]] || return 1
	touch go
	"$1"
	code=0
	wait "$!" 2> /dev/null || code=$?
	for _ in {1..300}; do
		kill -0 "$(cat pid)" 2> /dev/null || return 0
		sleep 0.1
	done
	return 1
}
kill_worker()
{
	kill -KILL "$(pgrep -P "$(cat pid)" | head -n 1)"
}
kill_group()
{
	kill -TERM -- "-$(cat asker)"
}
kill_asker()
{
	kill -KILL "$(cat asker)"
}
kill_all()
{
	kill -KILL -- "-$(cat asker)"
}
check 'a worker that is killed' ended_in_the_midst kill_worker
ended 0 'the others go on'
is 'it fails' '["result"]' failed
check 'it says where' matches '["targets"][0]["reason"]' "killed in stage 'pages'"
check 'nothing is left there' empty there
check 'one that is interrupted' ended_in_the_midst kill_group
check 'it says so' grep -q 'ended by signal 15' said
check 'nothing is left there' empty there
check 'one whose asker is gone' ended_in_the_midst kill_asker
check 'it says so' grep -q 'ended by signal 15' said
check 'nothing is left there' empty there
check 'one that is killed' ended_in_the_midst kill_all
check 'what it wrote is left there' eval '! empty there'
rehearse "${conf[@]}"
check 'until the next' empty there
"$sshd" kill far/two

ssh-keygen -q -t ed25519 -N '' -f other < /dev/null
rehearse "${conf[@]}" "sshkey $work/other"
is 'a wrong key: it fails' '["result"]' failed
# shellcheck disable=SC2016 # as it is said
check 'it says which, and what helps' matches '["targets"][0]["reason"]' \
	'refuses the key; run `lifeboat propagate`'

sed 's/ssh-ed25519 .*/ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/' \
	hosts > wrong
rehearse "${conf[@]}" "ssh_hostkeys $work/wrong"
is 'a wrong host key: it fails' '["result"]' failed

"$sshd" kill far/one
rehearse "${conf[@]}" 'network_timeout 2'
is 'nobody there: it fails' '["result"]' failed
check 'it says so' matches '["targets"][0]["reason"]' '127.0.0.1.*(refused|no answer)'

# Who asked is killed while it hangs: nobody is left who goes on.
# The other machine takes the connection and says nothing.
python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(120)' "$port" &
silent=$!
printf '%s\n' "${conf[@]}" 'network_timeout 100' > conf
bash -c '"$0" --rehearse --config conf core > /dev/null 2>&1 & echo $! > pid; wait' "$collect" &
asked=$!
hangs()
{
	for _ in {1..300}; do
		[[ -s pid ]] && pgrep -P "$(cat pid)" > /dev/null && return 0
		sleep 0.1
	done
	return 1
}
check 'a target that hangs' hangs
disown "$asked"
kill -KILL "$asked"
gone()
{
	for _ in {1..100}; do
		kill -0 "$(cat pid)" 2> /dev/null || return 0
		sleep 0.1
	done
	kill -KILL "$(cat pid)"
	return 1
}
check 'it goes with who asked for it' gone
kill "$silent"
wait "$silent" 2> /dev/null

finish
