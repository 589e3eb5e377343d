# shellcheck shell=bash disable=SC2034 # they are for those who source it
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests with real crashes share; they source it after `set -u`. It changes to the top
# of the tree, and sets
#   vm_name     of the test, vm_dir its own directory build/vm/NAME, emptied
#   vm_kernel   the unpacked kernel, after vm_prepare
#   vm_debug    its vmlinux, vm_module the test module, after vm_prepare
#   vm_vmcore   after vm_any_vmcore
#
# Raw copies of /proc/vmcore stay in build/vmcores/NAME/vmcore for what else wants a real one, such
# as benchmarks, with console.log beside it. pageset.t makes them anew in every run and leaves one:
# 2g-5level. Nothing may depend on the age of what lies there: a test that needs a fresh one
# makes it; one that takes any uses vm_any_vmcore.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
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
vm_vmcore=
mkdir -p "$LIFEBOAT_BUILD"
rm -rf "$vm_dir"
mkdir -p "$vm_dir"
tap_begin "$vm_dir"
vm_results=$tap_results

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

# vm_take_vmcore NAME MEMORY CPU DISK: crashes such a machine, with pages of every class in use,
# and leaves vmcores/NAME/vmcore; what was said on the way is in vm_dir/NAME. The disk for the raw
# copy is larger than the memory by what stands before it in the file. Wants vm_prepare.
vm_take_vmcore()
{
	local dir=$vm_vmcores/$1 raw=$vm_dir/$1/vmcore
	rm -rf "$dir"
	mkdir -p "$vm_dir/$1"
	vm_raw_disk "$raw" "$4" || return 1
	scripts/lab crash --kernel "$vm_kernel" --memory "$2" --cpu "$3" --cpus 2 \
		--workload workload --capture-hook tests/vm/guest/raw-hook \
		"${vm_raw_arguments[@]}" --out "$vm_dir/$1/lab" > "$vm_dir/$1/log" 2>&1 ||
		return 1
	vm_cut_raw "$raw" "$vm_dir/$1/lab/console.log" || return 1
	mkdir -p "$dir"
	cp "$vm_dir/$1/lab/console.log" "$dir/"
	mv "$raw" "$dir/vmcore"
}

# vm_any_vmcore [FILE]: sets vm_vmcore to a raw copy of a machine of 2 GB: FILE, or the one that
# lies there, or a new one. It is a link of our own, so that another test may replace its.
vm_any_vmcore()
{
	local shared=$vm_vmcores/2g-5level/vmcore
	if [[ -n ${1-} ]]; then
		vm_vmcore=$(realpath -e "$1")
		return
	fi
	vm_vmcore=$vm_dir/vmcore
	{
		flock 9 || return 1
		ln "$shared" "$vm_vmcore" 2> /dev/null && return
		vm_take_vmcore 2g-5level 2G max 2G && ln "$shared" "$vm_vmcore"
	} 9> "$LIFEBOAT_BUILD/.vm-vmcore.lock"
}

# console_value FILE WORDS: what follows these words in the first line that has them.
console_value()
{
	tr -d '\r' < "$1" | sed -n "s/^.*$2//p" | head -n 1
}
