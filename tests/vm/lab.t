#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# lab.t: what scripts/lab makes of a guest whose kernel panics in its own boot, played by a program
# of QEMU's name: it is booted again, twice at most, and that is told. A panic of a guest that is
# up is never tried again.

set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'

mkdir -p "$vm_dir/bin"
cat > "$vm_dir/bin/qemu-system-x86_64" << 'END'
#!/bin/bash
boots=$(($(cat "$FAKE/boots") + 1))
printf '%s\n' "$boots" > "$FAKE/boots"
if ((boots > $(cat "$FAKE/panics"))); then
	printf 'lab: up 1.2.3\n'
	[[ ! -e $FAKE/late ]] || printf 'Kernel panic - not syncing: late\n'
	[[ -e $FAKE/late ]] || printf 'lab: over\n'
else
	printf '[    1.696606] Kernel panic - not syncing: Fatal exception in interrupt\n'
fi
END
chmod +x "$vm_dir/bin/qemu-system-x86_64"

# boots PANICS: boots a guest that panics so often first; sets status, boots and told.
boots()
{
	printf '0\n' > "$vm_dir/boots"
	printf '%s\n' "$1" > "$vm_dir/panics"
	rm -rf "$vm_dir/out"
	FAKE=$vm_dir PATH=$vm_dir/bin:$PATH scripts/lab boot --kernel "$vm_kernel" --quiet \
		--disk-size none --out "$vm_dir/out" > "$vm_dir/log" 2>&1
	status=$?
	boots=$(cat "$vm_dir/boots")
	told=$(grep -c 'booted again' "$vm_dir/log")
}

boots 0
check 'a guest that comes up is booted once, and nothing is told of' \
	test "$status $boots $told" = '0 1 0'
boots 2
check 'one that panics twice in its boot is booted three times, and each is told of' \
	test "$status $boots $told" = '0 3 2'
check 'the consoles of both are kept' \
	grep -q 'exception in interrupt' "$vm_dir/out/console.log.1" "$vm_dir/out/console.log.2"
boots 9
check 'one that always panics is given up' test "$status $boots $told" = '1 3 2'
touch "$vm_dir/late"
boots 0
check 'a panic of one that is up ends it' test "$status $boots $told" = '1 1 0'

finish
