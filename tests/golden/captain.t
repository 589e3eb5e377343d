#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# captain: lifeboat-collect by its configuration, on a core made from text: what is left on the target
# when something happens to the worker in the middle of the dump. The dump that remains is held
# against the core by a reader of another make. tests/unit/test_captain.c has more targets and more
# that can happen, tests/vm/shore*.t the same in real crashes.

# What is checked is called by its name.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

golden_needs lifeboat-collect tests/oracle/kdumpcmp tests/tools/mkkernel
cd "$work" || exit 1
printf 'ram 16M 96M\nnoise 0x1800 20000\n' > text
mkkernel text core

# conf LINE...: a configuration whose dumps take a while.
conf()
{
	rm -rf crash
	printf '%s\n' "path $work/crash" \
		'core_collector lifeboat-collect -d 31 --codec zstd:19 --num-threads 1 --ordered' \
		"$@" > conf
}

manifest()
{
	jq -e "$1" crash/*/manifest.json
}

private()
{
	test -z "$(find crash -type f ! -perm 600 -o -type d ! -perm 700)"
}

# The dump $1 is sound, and each page that it has is that of the core.
sound()
{
	"$kdumpcmp" --check --holes crash/*/"$1" && "$kdumpcmp" --lost-ok --core core crash/*/"$1"
}

none()
{
	test -z "$(find crash -name "$1")"
}

# begin: runs the collector until its dump has grown; its worker is then in $worker.
begin()
{
	"$collect" --config conf core > said 2>&1 &
	captain=$!
	until [[ -n $(find crash -name vmcore-incomplete -size +2048 2> /dev/null) ]]; do
		kill -0 "$captain" 2> /dev/null || return
		sleep 0.05
	done
	worker=$(ps -o pid= --ppid "$captain" | tr -d ' ')
}

# hears WORDS: waits until the supervisor has said them.
hears()
{
	until grep -q "$1" said; do
		kill -0 "$captain" 2> /dev/null || return
		sleep 0.05
	done
}

# end: waits for the collector.
end()
{
	wait "$captain" 2> /dev/null
	code=$?
}

conf
begin
end
ended 0 'by a configuration'
ok 'the dump is sound' sound vmcore
ok 'all is private' private
ok 'no mini-core is left' none 'vmcore-mini*'
ok 'the manifest says so' manifest '.status == "complete" and .tiers.record == "committed" and
	.tiers.dmesg != "none" and .tiers.dump == "committed" and (.attempts | length) == 1'
ok 'the panic record is there' test -s "$(echo crash/*/panic.txt)"

conf 'stall_time 2'
begin
kill -STOP "$worker"
hears 'to be made an incomplete dump'
kill -CONT "$worker"
end
ended 3 'a worker that comes round when it is asked'
ok 'the incomplete dump is sound' sound vmcore-incomplete
ok 'nothing is called vmcore' none vmcore
ok 'the manifest says why' manifest '.status == "incomplete" and
	(.reason | startswith("no progress")) and .tiers.dump == "incomplete"'

conf 'stall_time 2' 'capture_deadline 40'
begin
kill -STOP "$worker"
end
ended 0 'a worker that does not'
ok 'the second try is a whole dump' sound vmcore
ok 'the manifest tells of both' manifest '[.attempts[].outcome] == ["killed", "done"] and
	[.attempts[].what] == ["all", "less"] and .status == "complete"'

conf
begin
kill -KILL "$worker"
end
ended 0 'a worker that was killed'
ok 'the second try is a whole dump' sound vmcore
ok 'it was not for want of memory' manifest '.attempts[0].outcome == "shot"'
ok 'there is one directory' test "$(find crash -name manifest.json | wc -l)" = 1

conf
begin
kill -KILL "$captain"
end
ended 137 'the supervisor is killed'
# Nobody ends it: the worker goes with it.
for ((i = 0; i < 200; i++)); do
	kill -0 "$worker" 2> /dev/null || break
	sleep 0.05
done
ok 'no worker is left' test ! -e "/proc/$worker"
ok 'what was written is sound' sound vmcore-incomplete
ok 'nothing is called vmcore' none vmcore

conf 'stall_time 5'
env --ignore-signal=CHLD "$collect" --config conf core > said 2>&1
code=$?
ended 0 'by somebody who ignores what becomes of children'
ok 'the end of the worker was heard of' test "$(grep -c 'the worker is killed' said)" = 0

# A target that gets full. Pages that come first shrink well, those that come last do not at all: what
# is missing is much more than the average page says.
printf '%s\n' 'ram 16M 64M' 'noise 0x1000 512' 'text 0x1800 6000' 'noise 0x3000 800' > text
mkkernel text late

# full SIZE: with so much room.
full()
{
	local mine=()
	[[ $(id -u) = 0 ]] || mine=(-r)
	rm -rf crash left
	mkdir crash
	printf '%s\n' "path $work/crash" 'crash_loop 0' \
		'core_collector lifeboat-collect -d 31 --codec lzo --num-threads 1 --ordered' > conf
	# shellcheck disable=SC2016 # it is for the inner shell
	unshare "${mine[@]}" -m sh -c 'mount -t tmpfs -o mode=700,size="$1" tmpfs crash || exit
		"$2" --config conf late > said 2>&1; code=$?; cp -r crash left; exit $code' sh "$1" "$collect"
	code=$?
	rmdir crash
	mv left crash
}

full 5200k
ended 3 'a target that has no room for the dump'
ok 'the mini-core stays' test -s "$(echo crash/*/vmcore-mini)"
ok 'the incomplete dump is sound' "$kdumpcmp" --check --holes crash/*/vmcore-incomplete
ok 'the manifest tells of both' manifest '.tiers.mini == "committed" and .tiers.dump == "incomplete"'
full 6000k
ended 0 'a target that has room for the dump in the place of the mini-core'
ok 'it makes room' grep -q 'once more, without the mini-core' said
ok 'the dump is whole' "$kdumpcmp" --core late crash/*/vmcore

# A machine whose own log goes to the file kmsg, from where a pstore would take it.
as_appliance()
{
	local mine=() reader
	[[ $(id -u) = 0 ]] || mine=(-r)
	mkfifo pipe
	cat pipe > kmsg &
	reader=$!
	# Each write opens it anew; who holds it open keeps the reader there.
	# shellcheck disable=SC2016 # it is for the inner shell
	unshare "${mine[@]}" -m sh -c 'mount -t tmpfs tmpfs /sys && mount --bind pipe /dev/kmsg &&
		mkdir -p /sys/module/pstore/parameters /sys/module/printk/parameters &&
		echo file > /sys/module/pstore/parameters/backend &&
		: > /sys/module/printk/parameters/always_kmsg_dump && exec 9> pipe && exec "$@"' sh "$@"
	code=$?
	wait "$reader"
}

printf '#!/bin/sh\nexit 7\n' > refuse
chmod 755 refuse
conf "kdump_pre $work/refuse" 'watchdog no'
as_appliance "$collect" --appliance --config conf core > said 2>&1
ended 4 'a hook that wants no dump'
ok 'nothing is on the target' test ! -e crash
ok 'the panic record is on the console' grep -q '^Lifeboat panic record$' said
ok 'pstore has it, too' grep -q 'Lifeboat panic record$' kmsg
ok 'and what refused the dump' grep -q "^<7>kdump_pre: no dump is wanted: $work/refuse: .*exit code 7$" kmsg
finish
