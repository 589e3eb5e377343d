#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pageset.t: which pages a dump has. Machines with 2 and 5 GB, with page tables of 4 and 5 levels,
# crash with pages of every class in use, and a raw copy of each /proc/vmcore is taken. Of each copy
# both makedumpfile and lifeboat-collect make a dump for every dump level that tells classes apart;
# headers, bitmaps and the bytes of all pages must be the same, and those of the vmcore.
#
# One raw copy stays in build/vmcores, see lib.sh.

set -u
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

readonly LEVELS='0 1 2 4 8 16 17 30 31'
# NAME MEMORY CPU DISK, see vm_take_vmcore.
readonly MACHINES='2g-5level 2G max 2G
2g-4level 2G max,la57=off 2G
5g-5level 5G max 6G
5g-4level 5G max,la57=off 6G'
readonly KEPT=2g-5level

vm_prepare 6.1-cloud || bail 'kernel, symbols and test module are there'
collect=$LIFEBOAT_OUT/lifeboat-collect
kdumpcmp=$vm_oracle/kdumpcmp
makedumpfile=$(PATH=$PATH:/sbin:/usr/sbin command -v makedumpfile) || bail 'makedumpfile is there'

# How many levels the page tables have: the kernel says so in its notes.
table_levels()
{
	case $(grep -aom 1 'NUMBER(pgtable_l5_enabled)=[01]' "$1") in
	*=1) echo 5level ;;
	*=0) echo 4level ;;
	esac
}

# Fields of what `kdumpcmp A B` says.
pages_of()
{
	sed -n 's/^pages \([0-9]*\),.*/\1/p' "$1"
}

# compare NAME VMCORE LEVEL: both dumps, and one line of result, in vm_dir/NAME.LEVEL. Several
# run at the same time.
compare()
{
	local at=$vm_dir/$1.$3 ours=$vm_dir/$1.$3.ours theirs=$vm_dir/$1.$3.theirs
	{
		"$makedumpfile" -l -d "$3" --message-level 4 "$2" "$theirs" &&
			"$collect" -l -d "$3" --message-level 4 "$2" "$ours" &&
			"$kdumpcmp" "$ours" "$theirs" &&
			"$kdumpcmp" --core "$2" "$ours" &&
			"$kdumpcmp" --check "$ours"
	} > "$at.log" 2>&1
	local status=$?
	printf '%s %s %s %s\n' "$(stat -c %s "$ours")" "$(stat -c %s "$theirs")" \
		"$(pages_of "$at.log" | head -n 1)" "$status" > "$at.result"
	rm -f "$ours" "$theirs"
	return "$status"
}

# Tells of one level, when it is done.
tell()
{
	local at=$vm_dir/$1.$2 ours theirs pages status
	read -r ours theirs pages status < "$at.result"
	if [[ $status = 0 && ${pages:-0} -gt 0 ]]; then
		pass "$1, level $2: headers, bitmaps and pages are makedumpfile's and the vmcore's"
	else
		fail "$1, level $2: headers, bitmaps and pages are makedumpfile's and the vmcore's"
		diag_input < "$at.log"
	fi
	diag "$(printf '%-10s level %2s  %8s pages  %10s bytes, makedumpfile %10s' \
		"$1" "$2" "$pages" "$ours" "$theirs")"
}

judge()
{
	local name=$1 vmcore=$vm_vmcores/$1/vmcore level running=()
	if [[ ! -f $vmcore ]]; then
		fail "$name: a raw copy of /proc/vmcore is taken"
		diag_input < "$vm_dir/$name/log"
		tail -n 15 "$vm_dir/$name/lab/console.log" | diag_input
		return
	fi
	pass "$name: a raw copy of /proc/vmcore is taken"
	diag "$name: $(awk '{ printf "%s %s s  ", $1, $2 }' "$vm_dir/$name/lab/stages")"
	check_is "$name: the page tables have the levels that were asked for" \
		"${name#*-}" "$(table_levels "$vmcore")"
	# Two at a time: the files of level 0 are large, and so is the page cache they need.
	for level in $LEVELS; do
		compare "$name" "$vmcore" "$level" &
		running+=($!)
		if [[ ${#running[@]} = 2 ]]; then
			wait "${running[0]}"
			running=("${running[@]:1}")
		fi
	done
	wait
	for level in $LEVELS; do
		tell "$name" "$level"
	done
	[[ $name = "$KEPT" ]] || rm -rf "${vm_vmcores:?}/$name"
}

# Two machines at a time, one for each CPU of a small runner.
started=$SECONDS
printf '%s\n' "$MACHINES" > "$vm_dir/machines"
while read -r name1 memory1 cpu1 disk1 && read -r name2 memory2 cpu2 disk2; do
	vm_take_vmcore "$name1" "$memory1" "$cpu1" "$disk1" &
	vm_take_vmcore "$name2" "$memory2" "$cpu2" "$disk2" &
	wait
	diag "crashes of $name1 and $name2: done after $((SECONDS - started)) s"
	judge "$name1"
	judge "$name2"
	diag "their levels: done after $((SECONDS - started)) s"
done < "$vm_dir/machines"
# Four machines, each with its copy, its page tables and nine levels.
check_is 'all of them were judged' 44 "$(wc -l < "$vm_results")"
finish
