# shellcheck shell=bash disable=SC2034 # they are for those who source it
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests with real crashes share; they source it after `set -u`. It changes to the top
# of the tree, and sets
#   vm_name     of the test, vm_dir its own directory build/vm/NAME, emptied
#   vm_kernel   the unpacked kernel, after vm_prepare
#   vm_debug    its vmlinux, vm_module the test module, after vm_prepare
#
# Raw copies of /proc/vmcore stay in build/vmcores/NAME/vmcore for what else wants a real one, such
# as benchmarks, with console.log beside it. pageset.t makes them anew in every run and leaves one:
# 2g-5level. Nothing may depend on the age of what lies there: a test that needs a fresh one
# makes it.

export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
export LIFEBOAT_BUILD=${LIFEBOAT_BUILD:-$PWD/build}
export LIFEBOAT_OUT=${LIFEBOAT_OUT:-$LIFEBOAT_BUILD/out}
# scripts/lab and the rest are called from other directories, too.
LIFEBOAT_BUILD=$(realpath -m "$LIFEBOAT_BUILD")
LIFEBOAT_OUT=$(realpath -m "$LIFEBOAT_OUT")

vm_name=$(basename "$0" .t)
vm_dir=$LIFEBOAT_BUILD/vm/$vm_name
vm_vmcores=$LIFEBOAT_BUILD/vmcores
vm_oracle=$LIFEBOAT_OUT/tests/oracle
vm_kernel=
vm_debug=
vm_module=
mkdir -p "$LIFEBOAT_BUILD"
rm -rf "$vm_dir"
mkdir -p "$vm_dir"
# A file, not a variable: checks may be made in pipes and subshells.
vm_results=$vm_dir/results
: > "$vm_results"

# ---- TAP ----

diag()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

# Standard input as diagnostics; at most so many lines that the first ones are still seen.
diag_input()
{
	head -n 40 | sed 's/^/# /'
}

# pass TEXT; fail TEXT
pass()
{
	printf 'ok\n' >> "$vm_results"
	printf 'ok %d - %s\n' "$(wc -l < "$vm_results")" "$*"
}

fail()
{
	printf 'not ok\n' >> "$vm_results"
	printf 'not ok %d - %s\n' "$(wc -l < "$vm_results")" "$*"
}

# check TEXT COMMAND...: ok if the command is successful; if not, what it printed is shown.
check()
{
	local text=$1 status=0
	shift
	"$@" > "$vm_dir/check.out" 2>&1 < /dev/null || status=$?
	if [[ $status = 0 ]]; then
		pass "$text"
		return 0
	fi
	fail "$text"
	diag "exit code $status: $*"
	diag_input < "$vm_dir/check.out"
	return 1
}

# check_fails TEXT CODE COMMAND...: ok if the command ends with that very code.
check_fails()
{
	local text=$1 code=$2 status=0
	shift 2
	"$@" > "$vm_dir/check.out" 2>&1 < /dev/null || status=$?
	if [[ $status = "$code" ]]; then
		pass "$text"
		return 0
	fi
	fail "$text"
	diag "exit code $status, not $code: $*"
	diag_input < "$vm_dir/check.out"
	return 1
}

# check_is TEXT EXPECTED FOUND
check_is()
{
	if [[ $2 = "$3" ]]; then
		pass "$1"
		return 0
	fi
	fail "$1"
	diag "expected: $2"
	diag "found:    $3"
	return 1
}

# Nothing more can be tested: the plan is what was done, and one that failed.
bail()
{
	fail "$*"
	finish
}

# Prints the plan; ends the test. No check at all is a failure, too.
finish()
{
	local total
	total=$(wc -l < "$vm_results")
	printf '1..%d\n' "$total"
	[[ $total -gt 0 ]] && ! grep -q '^not' "$vm_results"
	exit
}

# ---- what the guests are made of ----

# Fetches kernel $1 with its symbols and headers and builds the module. Tests that run at the same
# time wait for one another here. What it says goes to prepare.log.
vm_prepare()
{
	{
		flock 9 || return 1
		vm_kernel=$(scripts/kernel fetch --debug --headers "$1" \
			2> "$vm_dir/prepare.log") &&
			vm_debug=$vm_kernel/vmlinux &&
			vm_module=$(scripts/kernel module "$vm_kernel" tests/vm/module \
				2>> "$vm_dir/prepare.log")
	} 9> "$LIFEBOAT_BUILD/.vm-prepare.lock"
	[[ -f $vm_debug && -f $vm_module ]] && return
	diag_input < "$vm_dir/prepare.log"
	return 1
}

# vm_raw_disk FILE SIZE: sets vm_raw_arguments, arguments of scripts/lab for a second disk,
# /dev/vdb, which is FILE, a hole as yet; and for rawcopy, which fills it.
vm_raw_disk()
{
	rm -f "$1"
	truncate -s "$2" "$1" || return 1
	vm_raw_arguments=(--qemu -drive --qemu "file=$1,if=virtio,format=raw,cache=unsafe"
		--capture-extra "$LIFEBOAT_OUT/tests/vm/guest/rawcopy:/bin/rawcopy")
}

# vm_cut_raw FILE CONSOLE: makes it as long as rawcopy says that /proc/vmcore was.
vm_cut_raw()
{
	local bytes
	bytes=$(sed -n 's/^vmcore bytes \([0-9]*\).*/\1/p' "$2" | tail -n 1)
	[[ -n $bytes ]] && truncate -s "$bytes" "$1"
}

# console_value FILE WORDS: what follows these words in the first line that has them.
console_value()
{
	tr -d '\r' < "$1" | sed -n "s/^.*$2//p" | head -n 1
}
