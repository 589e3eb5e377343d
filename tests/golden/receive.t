#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# receive: lifeboat-receive and the collector's side of its protocol, real processes with a socket
# between them: what arrives, what is refused, and what is on the disk when one of them is killed
# wherever that may be. `ship` is the collector's side; strace(1) kills at a system call.

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
# Hundreds of fsyncs; a process that is killed loses nothing in memory either. There may be little of
# it: what is no longer looked at goes.
export TMPDIR=/dev/shm
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

golden_needs lifeboat-receive lifeboat-collect tests/tools/ship tests/tools/mkkernel \
	tests/oracle/kdumpcmp
command -v strace > /dev/null || bail 'strace is installed: scripts/deps'
ship=$out/tests/tools/ship
receive=$out/lifeboat-receive
mkkernel tests/golden/formats/gaps.kernel "$work/core"
cd "$work" || exit 1
mkdir root
head -c 6000000 /dev/urandom > vmcore
head -c 300000 /dev/urandom > vmcore-mini
printf 'Kernel panic - not syncing\n' > panic.txt

n=10
# A name that was not there yet, in $dir.
next_dir()
{
	n=$((n + 1))
	printf -v dir '192.0.2.1-2026-11-21-03:%02d:%02d' $((n / 60)) $((n % 60))
}

# send ARGUMENTS -- COMMAND: ship, to $dir.
send()
{
	timeout 200 "$ship" "$@" > said 2>&1
	code=$?
}

arrived()
{
	local file
	for file; do
		cmp "$file" "root/$dir/$file" || return 1
	done
	! compgen -G "root/$dir/*-incomplete" > /dev/null
}

modes()
{
	check_is "$1" '600 700' "$(stat -c %a "root/$dir"/* | sort -u | tr '\n' ' ')$(stat -c %a "root/$dir")"
}

# once.sh MARK INJECT COMMAND: the first one under strace, those after it as they are.
cat > once.sh << 'END'
#!/bin/bash
mark=$1 inject=$2
shift 2
if mkdir "$mark" 2> /dev/null; then
	# LeakSanitizer cannot work below strace.
	export ASAN_OPTIONS=detect_leaks=0
	exec strace -f -qq -o "$mark/trace" -e trace="${inject%%:*}" -e inject="$inject" "$@"
fi
exec "$@"
END
chmod +x once.sh

killed()
{
	grep -q 'killed by SIGKILL' "$1/trace"
}

# ---- what should go well ----

umask 022
next_dir
send "$dir" panic.txt vmcore-mini vmcore -- "$receive" --root root
ended 0 'three files'
ok 'they arrive as they are' arrived panic.txt vmcore-mini vmcore
modes 'nobody else reads them'
send -r 200000 "$dir" vmcore -- "$receive" --root root
ended 1 'another client wants to write there'
ok 'it is told why' says 'is there already, and is not this client'
ok 'what was there is as it was' arrived panic.txt vmcore-mini vmcore

next_dir
send -d "$dir" core -- "$receive" --root root
ended 0 'a dump'
ok 'it is complete, with digests' says '^status complete .* digests 1 '
run core local
ok 'it is the local one, page for page' "$kdumpcmp" local "root/$dir/vmcore"
ok 'it is sound' "$kdumpcmp" --check "root/$dir/vmcore"

next_dir
send -p "$dir" vmcore -- "$receive" --root root
ended 0 'a file that cannot be whole'
ok 'is kept, and called so' cmp vmcore "root/$dir/vmcore-incomplete"
ok 'by that name only' gone "root/$dir/vmcore"
next_dir
send -a "$dir" vmcore -- "$receive" --root root
ended 0 'a file of no use'
check_is 'is gone' '' "$(ls "root/$dir")"

# ---- a receiver that is killed ----

for percent in 10 50 95; do
	next_dir
	send -r 400000 -k $percent "$dir" panic.txt vmcore -- "$receive" --root root
	ended 0 "killed at $percent %"
	ok 'all of it arrives' arrived panic.txt vmcore
done
next_dir
send -r 400000 -k 10 -k 50 -k 95 "$dir" vmcore -- "$receive" --root root
ended 0 'killed three times'
ok 'it was resumed' says '^resumed [1-9]'
ok 'all of it arrives' arrived vmcore

rm -rf root/192*

# Killed at system calls: before the word of what is durable, before and after the new name.
for inject in renameat fdatasync fsync write pwrite64; do
	for when in 1 2 3 4 5 6 9 14; do
		next_dir
		send -r 400000 "$dir" vmcore panic.txt -- ./once.sh "$work/m$n" \
			"$inject:signal=KILL:when=$when" "$receive" --root root
		if [[ $code != 0 ]] || ! arrived vmcore panic.txt; then
			fail "killed at $inject $when: it goes on"
			diag_input < said
		fi
		rm -rf "root/${dir:?}"
	done
	killed "m$((n - 7))" ||
		fail "strace kills at $inject"
	pass "killed at $inject: it goes on"
done

# Whenever it is killed, and nobody comes back: complete with its name, or not, and called so.
whole=0 partial=0
for call in renameat fsync fdatasync pwrite64 write close poll read; do
	for ((when = 1; when < 60; when += 1 + when / 5)); do
		next_dir
		send -1 "$dir" vmcore-mini -- ./once.sh "$work/m$n" \
			"$call:signal=KILL:when=$when" "$receive" --root root
		killed "m$n" || break
		if [[ -e root/$dir/vmcore-mini ]]; then
			whole=$((whole + 1))
			cmp vmcore-mini "root/$dir/vmcore-mini" || fail "killed at $call $when: the name is true"
		else
			partial=$((partial + 1))
			[[ $code != 0 ]] || fail "killed at $call $when: it was not said to be there"
		fi
		rm -rf "root/${dir:?}"
	done
done
check 'killed at any call: what has the name is whole' test "$partial" -gt 20 -a "$whole" -ge 3
diag "$partial times before it had its name, $whole times after it"

# ---- room ----

rm -rf root
mkdir -p root/foreign
printf 'not ours\n' > root/foreign/vmcore
next_dir
send "$dir" vmcore -- "$receive" --root root --quota 1M
ended 1 'more than the quota'
ok 'is refused' says 'over the quota'
ok 'and leaves no dump' gone "root/$dir/vmcore"
next_dir
send "$dir" vmcore -- bash -c "ulimit -f 2000; exec $receive --root root"
ended 1 'the disk is full'
ok 'it is told' says 'File too large'
ok 'nothing is called complete' gone "root/$dir/vmcore"
next_dir
send -d "$dir" core -- bash -c "ulimit -f 2000; exec $receive --root root"
ended 1 'the disk is full in the middle of a dump'
ok 'what there is is incomplete' says '^status incomplete'
ok 'and a sound dump' "$kdumpcmp" --check --holes "root/$dir/vmcore-incomplete"
ok 'of the right pages' "$kdumpcmp" --lost-ok --core core "root/$dir/vmcore-incomplete"

rm -rf root/192*
kept=
for i in 1 2 3 4; do
	next_dir
	[[ $i -lt 3 ]] || kept+=$dir$'\n'
	send "$dir" vmcore-mini -- "$receive" --root root --keep 2
	ended 0 "dump $i of 4, of which 2 are kept"
done
check_is 'the newest two are kept, and what is not ours' "${kept}foreign" "$(ls root)"
check_is 'and no journal of those that are gone' 2 "$(find root -name '.receive-*' | wc -l)"
next_dir
send "$dir" vmcore -- "$receive" --root root --quota 7M
ended 0 'a large one takes the place of older ones'
large=$dir
next_dir
send "$dir" vmcore -- "$receive" --root root --quota 7M
ended 1 'the newest complete dump does not go'
ok 'it is still there' cmp vmcore "root/$large/vmcore"
for i in 1 2; do
	next_dir
	send "$dir" vmcore-mini -- "$receive" --root root
done
here=$(ls root)
next_dir
mkdir big
truncate -s 5G big/vmcore
send "$dir" big/vmcore -- "$receive" --root root --quota 7M
ended 1 'what can never have room'
check_is 'takes no other dump with it' "$here" "$(find root -mindepth 1 -maxdepth 1 ! -name "$dir" ! -name '.*' -printf '%f\n' | sort)"
rm -r big

# ---- what is refused ----

mkdir outside
for name in ../outside /tmp/x .hidden 'a b' 'x;y' '' 192.0.2.1-2026-11-21-03:00:00/../x plainname; do
	send -o 0 "$name" panic.txt -- "$receive" --root root
	ended 1 "the directory '$name'"
done
ln -s "$work/outside" root/192.0.2.1-2026-11-21-04:00:00
send -o 0 192.0.2.1-2026-11-21-04:00:00 panic.txt -- "$receive" --root root
ended 1 'a link in the place of a directory'
ln -s "$work/outside/j" root/.receive-192.0.2.1-2026-11-21-04:00:01
send -o 0 192.0.2.1-2026-11-21-04:00:01 panic.txt -- "$receive" --root root
ended 1 'a link in the place of a journal'
check_is 'nothing came out of the root' '' "$(ls outside)"
next_dir
cp panic.txt .profile
send -o 0 "$dir" .profile -- "$receive" --root root
ended 1 'a file with a name that is none'
cp panic.txt authorized_keys
send -o 0 "$dir" authorized_keys -- "$receive" --root root
ended 1 'a file that no crash has'
check_is 'neither is there' '' "$(find root/"$dir"* -type f)"

for args in '' '--root' '--root root --quota x' '--root root --keep 0' '--root root word' '--root root --odd'; do
	# shellcheck disable=SC2086
	check_fails "lifeboat-receive $args: usage" 2 "$receive" $args
done
check_fails 'a root that is not there' 1 "$receive" --root "$work/none"
check '--help' "$receive" --help
check '--version' "$receive" --version

# ---- two at a time ----

mkdir slow
mkfifo slow/vmcore
next_dir
"$ship" -i 11 "$dir" slow/vmcore -- "$receive" --root root > slow/said 2>&1 &
exec 3<> slow/vmcore
printf 'half a du' >&3
for ((i = 0; i < 100; i++)); do
	[[ ! -e root/$dir/vmcore-incomplete ]] || break
	sleep 0.1
done
send -o 1 -i 22 "$dir" panic.txt -- "$receive" --root root
ended 1 'two clients with one name'
ok 'the second is told why' says 'another client is writing there'
busy=$dir
next_dir
send "$dir" vmcore-mini -- "$receive" --root root --keep 1
ended 0 'another directory at the same time'
check 'what is being written is no old dump' test -e "root/$busy/vmcore-incomplete"
send -i 11 "$busy" panic.txt -- "$receive" --root root
ended 0 'the same client again: the older connection ends'
printf 'mp' >&3
exec 3>&-
wait
ok 'who was pushed away says so' grep -q 'connection lost' slow/said
ok 'the newer one is served' cmp panic.txt "root/$busy/panic.txt"

finish
