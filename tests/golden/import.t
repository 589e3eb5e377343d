#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# import: the configurations of three other services become one of ours; what could not be taken over is
# told by file, line and setting, a secret is never repeated, and what is written can be loaded.
#
#   import/NAME           settings as the package NAME has them, and as administrators change them
#   import/NAME.expect    the configuration, and behind a line "--" what was said
#
#   UPDATE=1 tests/golden/import.t    writes what came out to the .expect files

set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"
golden_needs lifeboat
lifeboat=$out/lifeboat

# imported NAME: prints what comes of it; sets code.
imported()
{
	(cd "$golden/import" && "$lifeboat" import --print "$1" 2> "$work/notes")
	code=$?
	printf '%s\n' --
	cat "$work/notes"
}

for name in fedora.conf fedora.sysconfig suse.sysconfig suse-ssh.sysconfig kdump-tools; do
	imported "$name" > "$work/$name"
	[[ -z ${UPDATE-} ]] || cp "$work/$name" "$golden/import/$name.expect"
	check "$name: as expected" diff -u "$golden/import/$name.expect" "$work/$name"
	check_is "$name: no secret is repeated" '' "$(grep -E 'sesame|hush' "$work/$name")"
done
check_is 'something is left: exit code' 1 "$code"

# As the packages have them, with nothing to be mended.
mkdir -p "$work/conf"
for name in fedora.sysconfig suse.sysconfig kdump-tools; do
	sed '/^--$/,$d' "$work/$name" > "$work/conf/$name"
	check "$name: lifeboat takes what was written" \
		"$lifeboat" --config "$work/conf/$name" config
done

# Debian's own file, out of its package.
if (cd "$work" && apt-get download -o APT::Sandbox::User=root kdump-tools) > "$work/apt.log" 2>&1 &&
	dpkg-deb -x "$work"/kdump-tools_*.deb "$work/package"; then
	own=$(find "$work/package" -name 'kdump-tools.conf' -o -path '*/etc/default/kdump-tools' |
		head -n 1)
	check 'the package has a configuration' test -s "$own"
	"$lifeboat" --config "$work/own.conf" import "$own" > "$work/own.said" 2>&1
	check_is 'of the package: exit code' 1 $?
	check_is 'of the package: the path' 'path /var/crash' "$(grep '^path' "$work/own.conf")"
	check_is 'of the package: the links of kdump-tools are told of, and nothing else' \
		'KDUMP_KERNEL KDUMP_INITRD' \
		"$(sed -n 's/.*:[0-9]*: \([A-Z_]*\): .*/\1/p' "$work/own.said" | xargs)"
	check_is 'of the package: for root alone' 600 "$(stat -c %a "$work/own.conf")"
	"$lifeboat" --config "$work/own.conf" import "$own" > "$work/own.said" 2>&1
	check_is 'what is there is not written over' 2 $?
	"$lifeboat" --config "$work/own.conf" --yes import "$own" > "$work/own.said" 2>&1
	check_is 'but with --yes' 1 $?
	check 'and is kept beside it' test -s "$work/own.conf.old"
else
	diag_input < "$work/apt.log"
	check 'the package kdump-tools can be downloaded' false
fi

"$lifeboat" --config "$work/none.conf" import "$work/nothing" > "$work/said" 2>&1
check_is 'a file that is not there: exit code' 1 $?
check 'and nothing is written' test ! -e "$work/none.conf"

# What cannot be loaded takes nobody's place that can.
mkdir -p "$work/etc"
printf 'ssh root@vault\nraw /dev/vdb\npath /x\n' > "$work/etc/kdump.conf"
printf 'path /srv/crash\n' > "$work/good.conf"
"$lifeboat" --config "$work/good.conf" --yes import "$work/etc/kdump.conf" > "$work/said" 2>&1
check_is 'a configuration that must be mended first: exit code' 2 $?
check_is 'what is right stays' 'path /srv/crash' "$(cat "$work/good.conf")"
check 'it is told what is wrong' grep -q 'good.conf, which is right, stays as it is' "$work/said"
"$lifeboat" --config "$work/new.conf" import "$work/etc/kdump.conf" > "$work/said" 2>&1
check_is 'where there is none it is written, to be mended' 1 $?
check 'and is there' test -s "$work/new.conf"
printf 'path /y\n' > "$work/etc/kdump.conf"
(cd "$work" && "$lifeboat" --config good.conf --yes import etc/kdump.conf) > "$work/said" 2>&1
check_is 'the old one is kept' 'path /srv/crash' "$(cat "$work/good.conf.old")"

finish
