#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ssh: dumps through a real sshd on the loopback: the same pages as a local dump, whatever shell
# is there and whenever the connection dies; and one clear line where there is no way.

# What check calls is not seen to be called.
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"
golden_needs lifeboat lifeboat-collect tests/tools/mkkernel tests/oracle/kdumpcmp
sshd=$(PATH=$PATH:/sbin:/usr/sbin command -v sshd) || bail 'sshd is installed: scripts/deps'
cd "$work" || exit 1
mkkernel "$golden/order/worth.kernel" core
trap 'stop_sshd; umount small 2> /dev/null; rm -rf "$work"' EXIT

# ---- the far side ----

start_sshd()
{
	local tries
	for tries in 1 2 3 4 5 6 7 8 9 10; do
		[[ -n ${port:-} && $tries = 1 ]] || port=$((20000 + RANDOM % 20000))
		sed "s/@port@/$port/" sshd_config.in > sshd_config
		"$sshd" -D -e -f "$work/sshd_config" > sshd.log 2>&1 &
		sshd_pid=$!
		for _ in $(seq 50); do
			grep -q '^Server listening' sshd.log && return
			kill -0 "$sshd_pid" 2> /dev/null || break
			sleep 0.1
		done
		stop_sshd
	done
	bail "sshd listens: $(tail -n 1 sshd.log)"
}

stop_sshd()
{
	[[ -z ${sshd_pid:-} ]] || kill "$sshd_pid" 2> /dev/null
	[[ -z ${sshd_pid:-} ]] || wait "$sshd_pid" 2> /dev/null
	sshd_pid=
}

[[ $(id -u) != 0 ]] || mkdir -p /run/sshd
for key in hostkey otherkey id stranger; do
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$key" || bail 'a key can be made'
done
ssh-keygen -q -t ecdsa -N '' -C '' -f secondkey || bail 'a key can be made'
cp "$golden/ssh/far" far
chmod 755 "$work" far
cat > sshd_config.in << END
Port @port@
ListenAddress 127.0.0.1
HostKey $work/hostkey
HostKey $work/secondkey
PidFile none
AuthorizedKeysFile $work/authorized_keys $work/home/.ssh/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
# Else bash reads ~/.bashrc each time, in which anything may be that takes its time.
SetEnv SHLVL=1
END
allow()
{
	printf 'restrict,command="%s/far" %s\n' "$work" "$(cat "$1.pub")" > authorized_keys
}
# known HOSTKEY
known()
{
	printf '[127.0.0.1]:%s %s\n' "$port" "$(cat "$1.pub")" > known_hosts
}
allow id
start_sshd
known hostkey
: > orders

# A path that no careless script survives. The collector's side has it as it stands.
path="$work/far dir/it's \"here\"; \$(touch $work/owned) & *"
conf()
{
	printf '%s\n' "ssh $(id -un)@127.0.0.1:$port" "sshkey $work/id" "path $path" \
		"ssh_hostkeys $work/known_hosts" 'network_timeout 8' \
		'core_collector lifeboat-collect -d 0 --codec none' "$@" > conf
}
conf

# The dump, and where that of the first attempt lies; one with less goes to a directory ending in .1.
run_ssh()
{
	rm -rf 'far dir' commands
	run --config conf core
	first_dir
}
first_dir()
{
	local dirs
	dirs=("$path"/*)
	dir=${dirs[0]}
}

"$collect" -d 0 --codec none core local > said 2>&1 || bail "a local dump: $(cat said)"
size=$(stat -c %s local)

whole()
{
	[[ -e $dir/vmcore && ! -e $dir/vmcore-incomplete && ! -e $dir/vmcore-incomplete.room ]] &&
		"$kdumpcmp" local "$dir/vmcore"
}

# All that was made there is its owner's alone, and nothing is left over.
private()
{
	[[ -z $(find 'far dir' -type f ! -perm 0600) && -z $(find 'far dir' -type d ! -perm 0700) &&
		-z $(find 'far dir' -name '*.part*' -o -name '.lb*') ]]
}

# member NAME VALUE: of the manifest over there.
member()
{
	grep -q "\"$1\": \"\{0,1\}$2" "$dir/manifest.json"
}

complete_by_ssh()
{
	ended 0 "$1"
	ok "$1: page for page the local dump" whole
	ok "$1: the manifest says complete" member status complete
}

# ---- whatever is over there ----

run_ssh
complete_by_ssh 'Debian'
ok 'only its owner can read anything' private
# A line in the middle of the key, which is in no other file.
secret=$(sed -n 3p id)
check_is 'nothing of the key is in the manifest, the log, or what was said' '' \
	"$(grep -rlaF -- "$secret" 'far dir' said)"
check 'it would have been found' grep -qF -- "$secret" id
ok 'a path with blanks and quotes is a path' gone owned
ok 'its size is what the manifest says' member bytes "$(stat -c %s "$dir/vmcore")"
digests_hold()
{
	local what offset bytes
	for what in index data; do
		offset=$(grep -o "\"${what}_offset\": [0-9]*" "$dir/manifest.json")
		bytes=$(grep -o "\"${what}_bytes\": [0-9]*" "$dir/manifest.json")
		tail -c +$((${offset##* } + 1)) "$dir/vmcore" | head -c "${bytes##* }" |
			xxhsum -H1 | grep -q "^$(grep "\"$what\": " "$dir/manifest.json" |
				cut -d '"' -f 4)" || return 1
	done
}
ok 'the digests of the manifest are those of the file' digests_hold
ok 'the directory has the name of this machine there' test "${dir##*/127.0.0.1-}" != "$dir"

# read_by NAME COMMAND...
ok 'our own reader takes the stream layout' "$collect" -f -d 0 "$dir/vmcore" again
ok 'and finds all pages' "$kdumpcmp" local again
ok 'libkdumpfile reads the same' test \
	"$("$out/tests/oracle/kdumpfile_hash" local)" = "$("$out/tests/oracle/kdumpfile_hash" "$dir/vmcore")"

# As kdump.conf has it: makedumpfile needs -F there.
conf 'core_collector makedumpfile -F -l -d 0'
run_ssh
complete_by_ssh 'core_collector with -F'
conf

# Another system: only what is in one directory, under a shell of its kind.
for system in busybox bash; do
	mkdir "$system"
	for program in cat cksum cut dd df echo ls mkdir mv rm sh sha256sum sync tail test; do
		ln -s "$(command -v $program)" "$system/$program"
		[[ $system != busybox ]] || ln -sf "$(command -v busybox)" "$system/$program"
	done
	[[ $system != bash ]] || ln -sf "$(command -v bash)" bash/sh
	echo "$work/$system" > path
	run_ssh
	complete_by_ssh "$system"
done
# A sync that takes no file, too: dd can do what is needed for a file, but not for a directory.
rm bash/cksum bash/sync
printf '#!/bin/sh\n[ $# = 0 ] && exec %s\n' "$(command -v sync)" > bash/sync
chmod 755 bash/sync
run_ssh
complete_by_ssh 'no cksum'
rm bash/sha256sum
run_ssh
ended 1 'neither cksum nor sha256sum'
ok 'is told' says 'neither cksum nor sha256sum'
rm path

# ---- connections that die ----

# with_order TEXT ORDER...: complete all the same.
with_order()
{
	local text=$1
	shift
	printf '%s\n' "$@" > orders
	run_ssh
	complete_by_ssh "$text"
	ok "$text: it happened" test ! -s orders
}
with_order 'dead at 10 %, and an answer to a small file lost' "stream cut $((size / 10))" 'small unheard'
ok 'it went on where it broke' says 'going on at byte [1-9]'
with_order 'dead at 50 %, and before the length is known' "stream cut $((size / 2))" 'length before'
ok 'it went on where it broke' says 'going on at byte [1-9]'
with_order 'dead at 95 %, and before the commit' "stream cut $((size * 95 / 100))" 'commit before'
ok 'it went on where it broke' says 'going on at byte [1-9]'
with_order 'dead twice, at once and at the last byte, and an answer to the commit lost' \
	'stream before' 'stream unheard' 'commit unheard'

# What a session does that outlives its connection is nothing to the next one.
rm -f left
with_order 'a small file, and an old session that ends in the middle of it' 'small late' 'small release'
ok 'it ended before the new one' test -e left

# The step goes on over there without the head.
headless()
{
	[[ $(grep -cx vmcore-incomplete left) = 2 ]] && ! grep -qx vmcore left
}
: > left
with_order 'dead with no byte of the head, and with some' 'commit cut 0' 'commit cut 100'
ok 'without its head it never had the name of a dump' headless

# The other machine lost power: of what was written, part is gone.
partial()
{
	[[ ! -e $dir/vmcore ]] && "$kdumpcmp" --check --holes "$dir/vmcore-incomplete" &&
		[[ $(stat -c %s "$dir/vmcore-incomplete") -gt 1000000 ]]
}
printf 'stream lose %d %d\n' $((size / 2)) $((size / 4)) > orders
run_ssh
ended 0 'what had arrived is gone, and with less it is there'
ok 'the line says so' says 'were lost with the connection'
ok 'a dump with a valid index is kept, called incomplete' partial
ok 'the manifest says incomplete' member status incomplete
# The directory of the first attempt knows of the second, which has one of its own.
knows_all()
{
	python3 - "$dir/manifest.json" "${dir##*/}" << 'END'
import json, sys
m = json.load(open(sys.argv[1]))
first, name = m["status"], sys.argv[2]
tried = [(a["what"], a["status"], a["directory"]) for a in m["attempts"]]
want = [("all", "incomplete", name), ("less", "complete", name + ".1")]
sys.exit(first != "incomplete" or m["tiers"]["dump"] != "incomplete" or
	m["dump"]["file"] != "vmcore-incomplete" or tried != want)
END
}
ok 'it says where the whole one is' knows_all
ok 'and so does its log' grep -q 'committed .*\.1$' "$dir/collect.log"
ok 'the first pages are in it' "$kdumpcmp" --pfn 0x300 "$dir/vmcore-incomplete"

# Nobody listens until that was noticed.
printf 'stream cut %d\n' $((size / 2)) > orders
cut_off()
{
	until [[ -e commands ]] && grep -q 'seek=' commands; do sleep 0.1; done
	kill "$sshd_pid"
	for _ in $(seq 300); do
		! grep -q 'nothing listens there' said || break
		sleep 0.1
	done
	exec "$sshd" -D -e -f "$work/sshd_config" > sshd.log 2>&1
}
rm -f commands
cut_off &
restarted=$!
run_ssh
kill "$restarted"
wait "$restarted" "$sshd_pid" 2> /dev/null
complete_by_ssh 'a machine that comes back'
ok 'it was away' says 'nothing listens there'
start_sshd
known hostkey
conf

# All bytes arrive, and never is it told: no progress, so there is an end of it.
conf 'network_timeout 2'
for _ in $(seq 40); do echo 'stream unheard'; done > orders
run_ssh
ok 'a machine that never acknowledges: no dump' gone "$dir/vmcore"
ok 'it was given up before long' test "$(wc -l < orders)" -gt 8
ok 'of what nobody can read nothing is left there' \
	gone "$dir/vmcore-incomplete" "$dir/vmcore-incomplete.room"
: > orders
conf

# ---- disk full ----

printf 'stream limit %d\n' $((size / 1024 / 2)) > orders
run_ssh
ended 0 'no room for the dump, and with less there is'
ok 'full is the word' says 'disk is full|not allowed there'
ok 'an incomplete dump is kept' partial
mounted()
{
	mkdir -p small && mount -t tmpfs -o size="$1" tmpfs small
}
if [[ $(id -u) = 0 ]] && mounted $((size / 1024 / 2))k 2> /dev/null; then
	path=$work/small/it
	conf
	run --config conf core
	first_dir
	ended 3 'a full tmpfs'
	ok 'a full tmpfs: the dump is kept' partial
	ok 'a full tmpfs: there is room for the manifest' member status incomplete
	ok 'a full tmpfs: and for the log' test -s "$dir/collect.log"
	umount small
	path="$work/far dir/it's \"here\"; \$(touch $work/owned) & *"
fi
conf
# The index finds the disk full at its last bytes, with the mini-core and without: it is sent again.
printf 'stream limit %d\n' "$size" $((size / 1024 - 1)) "$size" "$size" $((size / 1024 - 1)) > orders
run_ssh
ended 0 'no room for the end of the index, and with less there is'
ok 'an incomplete dump is kept all the same' partial
# The header says incomplete, which is a difference.
no_page_lost()
{
	"$kdumpcmp" local "$dir/vmcore-incomplete" 2>&1 |
		grep -q '^pages [0-9]*, .* content 0, unreadable 0; lost 0,'
}
ok 'no page of it is lost' no_page_lost
# A smaller level is tried when there is one.
conf 'core_collector lifeboat-collect -d 0,31 --codec none'
printf 'stream limit %d\n' $((size * 9 / 10 / 1024)) > orders
run_ssh
ended 0 'with a second level'
ok 'it is tried' says 'trying dump level 31'
ok 'and whole' "$kdumpcmp" --check "$dir/vmcore"
conf

# ---- bytes that change over there ----

echo "commit flip $((size / 2))" > orders
run_ssh
ended 0 'a byte is another one there, and with less none is'
ok 'the digest tells' says 'has digest'
ok 'it is not called complete' test ! -e "$dir/vmcore"

# ---- no way ----

# refused TEXT PATTERN
refused()
{
	run_ssh
	ended 1 "$1"
	ok "$1: one line says why and what to do" says "$2"
	ok "$1: nothing was made there" test ! -e 'far dir'
}
known otherkey
refused 'another host key' 'host key is not the one that was pinned.*propagate'
: > known_hosts
refused 'no host key' 'host key is not pinned.*propagate'
known hostkey
allow stranger
refused 'a key that is refused' 'refuses the key.*propagate'
allow id
sed -i '2d' conf
echo "sshkey $work/nosuchkey" >> conf
refused 'a key that is not there' 'refuses the key|cannot be used'
conf
sed -i '1s/.*/ssh nobody@no-such-host.invalid/' conf
refused 'a name without an address' 'its name has no address'
conf
mkdir 'far dir'
chmod 500 'far dir'
sed -i "s|^path .*|path /proc/no/such|" conf
run --config conf core
ended 1 'a path that cannot be made'
ok 'is told' says 'mkdir'
rmdir 'far dir'
conf

# ---- lifeboat propagate ----

propagate()
{
	"$out/lifeboat" --config "$work/conf" "$@" propagate > said 2>&1 < answer
	code=$?
}
sed -i "s|^sshkey .*|sshkey $work/new/key|; s|^ssh_hostkeys .*|ssh_hostkeys $work/new/hosts|" conf
mkdir -p home me
export HOME=$work/me
echo no > answer
propagate
ended 2 'a host key that is not confirmed'
ok 'its fingerprint was shown' grep -qF "$(ssh-keygen -lf hostkey.pub | cut -d ' ' -f 2)" said
ok 'it is not pinned' gone new/hosts
ok 'a key was made, for its owner alone' test "$(stat -c %a new/key)" = 600

# The administrator has another key, in an agent, that is known over there.
allow id
eval "$(ssh-agent -s)" > /dev/null
ssh-add -q id
echo yes > answer
propagate
ended 0 'key, host key and login are set up'
ok 'the host key is pinned' grep -qF "$(cut -d ' ' -f 1,2 hostkey.pub)" new/hosts
ok 'the public key is there' grep -qF "$(cut -d ' ' -f 2 new/key.pub)" home/.ssh/authorized_keys
ok 'and no key that was not shown' test "$(wc -l < new/hosts)" = 1
ok 'the path can be written to' says 'can be written to'
ssh-agent -k > /dev/null
unset SSH_AUTH_SOCK SSH_AGENT_PID
: > answer
propagate
ended 0 'again, nobody is asked'
ok 'and nothing changes' test "$(wc -l < home/.ssh/authorized_keys)" = 1
run_ssh
complete_by_ssh 'a dump with what was set up'

sed "s|^\(\S*\) .*|\1 $(cat otherkey.pub)|; 1q" new/hosts > hosts && mv hosts new/hosts
propagate
ended 2 'a host key that changed'
ok 'is told with the way out' says 'not the one that was pinned.*--yes'
propagate --yes
ended 0 'with --yes'
ok 'the new one is pinned, and only that' test "$(grep -cF "$(cut -d ' ' -f 2 otherkey.pub)" new/hosts)" = 0
run_ssh
ended 0 'and serves'

# The user's own known_hosts is that of the passwd entry: here another one.
mkdir -p bin me/.ssh
cat > bin/ssh-keygen << END
#!/bin/bash
[[ \$1 != -F || " \$* " == *' -f '* ]] || set -- "\$@" -f "$work/me/.ssh/known_hosts"
exec $(command -v ssh-keygen) "\$@"
END
chmod 755 bin/ssh-keygen
mv new/hosts hosts
: > answer
host="[127.0.0.1]:$port"
printf '%s %s %s\n@revoked %s %s\n' "$host" "$(cat otherkey.pub)" "$(cat hostkey.pub)" \
	"$host" "$(cat secondkey.pub)" > me/.ssh/known_hosts
PATH=$work/bin:$PATH propagate
ended 2 'a host key in a comment of known_hosts, and one that is revoked'
ok 'neither is pinned' gone new/hosts
printf '%s %s\n' "$host" "$(cat otherkey.pub)" "$host" "$(cat secondkey.pub)" > me/.ssh/known_hosts
PATH=$work/bin:$PATH propagate
ended 0 'a host key that the user knows is not asked for'
check_is 'and of those that answer it is the only one pinned' "$host $(cut -d " " -f 1,2 secondkey.pub)" \
	"$(cat new/hosts)"
mv hosts new/hosts

# ---- the initrd ----

mkinitrd()
{
	initrd/lifeboat-mkinitrd -c "$work/conf" --modules-dir "$work/modules" \
		--lifeboat "$out/lifeboat" --collector "$out/lifeboat-collect" \
		--init initrd/init --compress zstd -o "$work/initrd.img" > "$work/said" 2>&1
	code=$?
}
# How to reach itself over a network no machine could tell.
echo "network any:dhcp" >> conf
mkdir modules
: > modules/modules.dep
top=$(dirname "$(dirname "$golden")")
cd "$top" || exit 1
mkinitrd
cd "$work" || exit 1
ended 0 'an initrd with ssh'
ok 'it has at most 6 MB' test "$(stat -c %s initrd.img)" -le 6000000
ok 'only its owner can read it' test "$(stat -c %a initrd.img)" = 600
mkdir root
(cd root && zstd -dcq ../initrd.img | cpio -idm --quiet && zstd -dcq rest.cpio.zst |
	cpio -idmu --quiet) || bail 'the initrd can be unpacked'
ok 'it has the key, for root only' test "$(stat -c %a "root$work/new/key")" = 600
ok 'it has the host key' cmp new/hosts "root$work/new/hosts"
ok 'root is somebody there' grep -q '^root:x:0:0:' root/etc/passwd
has_libraries()
{
	local loader
	loader=$(echo root/lib64/ld-linux-*)
	! LC_ALL=C "$loader" --inhibit-cache --library-path "$(echo root/lib/*-linux-gnu)" \
		--list root/bin/ssh | grep '=> /'
}
ok 'ssh has all its libraries there' has_libraries
mv new/hosts hosts
cd "$top" || exit 1
mkinitrd
cd "$work" || exit 1
ended 1 'no host key'
ok 'is told with what to do' says 'has no host key of .*propagate'
mv hosts new/hosts
mv new/key key
cd "$top" || exit 1
mkinitrd
cd "$work" || exit 1
ended 1 'no key'
ok 'is told with what to do' says 'there is no key .*propagate'
conf

stop_sshd
refused 'nothing listens' 'nothing listens there'

finish
