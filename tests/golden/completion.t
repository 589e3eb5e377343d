#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# completion: what bash offers behind the programs' names, and the words of kdumpctl and kdump-config
# that lifeboat understands.

set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"
golden_needs lifeboat lifeboat-collect
. loader/completions/lifeboat
. loader/completions/lifeboat-collect
PATH=$out:$PATH

# offers FUNCTION WORD...: what is offered for the last word, one a line.
offers()
{
	local function=$1
	shift
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	"$function" 2> /dev/null
	printf '%s\n' "${COMPREPLY[@]}" | sort
}

# All that the program's source has in its table.
sed -n '/^static const struct command commands/,/^};/s/^\t{"\([a-z-]*\)",.*/\1/p' loader/main.c |
	sort > "$work/commands"
check 'there are commands' test "$(wc -l < "$work/commands")" -ge 15
{ cat "$work/commands" && printf '%s\n' --config --yes --generic; } | sort > "$work/wanted"
offers _lifeboat lifeboat '' > "$work/offered"
check 'each command of lifeboat is offered, and each option' diff "$work/wanted" "$work/offered"
check_is 'of one begun, those that begin so' 'rebuild receipts rehearse reload reset-crashkernel' \
	"$(offers _lifeboat lifeboat --yes re | xargs)"
check_is 'options of status' '--full --json --network --prometheus' \
	"$(offers _lifeboat lifeboat status '' | xargs)"
check_is 'of estimate' '--json' "$(offers _lifeboat lifeboat estimate '' | xargs)"
for command in shrink reset-crashkernel; do
	check_is "of $command" '--to' "$(offers _lifeboat lifeboat "$command" '' | xargs)"
done
check_is 'behind --config a file' "$work/commands" \
	"$(offers _lifeboat lifeboat --config "$work/comm")"
check_is 'import takes a file' "$work/commands" "$(offers _lifeboat lifeboat import "$work/comm")"

offers _lifeboat_collect lifeboat-collect -- > "$work/options"
check 'options of lifeboat-collect are offered' test "$(wc -l < "$work/options")" -ge 15
check_is 'each that its help tells of' '' "$("$out/lifeboat-collect" --help |
	grep -E '^  -' | grep -oE -- '--[a-z-]+' | sort -u | comm -23 - "$work/options" | xargs)"
check_is 'codecs' 'zlib zstd' "$(offers _lifeboat_collect lifeboat-collect --codec z | xargs)"

# The words of others. What stands behind is wrong, so that nothing is done.
# shellcheck disable=SC2317 # check calls it
not_unknown()
{
	! grep -q 'no such command' "$work/said"
}

ln -s "$out/lifeboat" "$work/kdumpctl"
ln -s "$out/lifeboat" "$work/kdump-config"
for verb in start stop restart status reload rebuild propagate showmem test; do
	"$work/kdumpctl" --config "$work/none" "$verb" x y z > "$work/said" 2>&1
	check "kdumpctl $verb is understood" not_unknown
done
for verb in load unload reload status show test propagate symlinks try-reload; do
	"$work/kdump-config" --config "$work/none" "$verb" x y z > "$work/said" 2>&1
	check "kdump-config $verb is understood" not_unknown
done
check_is 'kdumpctl estimate and reset-crashkernel are commands' 'estimate reset-crashkernel' \
	"$(grep -xE 'estimate|reset-crashkernel' "$work/commands" | xargs)"
# These two the man page names.
"$work/kdumpctl" --config "$work/none" get-default-crashkernel > "$work/said" 2>&1
check 'kdumpctl get-default-crashkernel is not' \
	grep -q 'no such command: get-default-crashkernel' "$work/said"
"$work/kdumpctl" --config "$work/none" reset-crashkernel --kernel=ALL > "$work/said" 2>&1
check_is 'nor are options of its reset-crashkernel: exit code' 2 $?
check 'it is told what is' grep -q 'the only words behind it are --to VALUE' "$work/said"
"$work/kdumpctl" nonsense > "$work/said" 2>&1
check_is 'another word: exit code' 2 $?
check 'another word is told' grep -q 'no such command: nonsense' "$work/said"
check_is 'symlinks: there are none' \
	"kernel and initrd are found by the running kernel's release: there are no links to make" \
	"$("$work/kdump-config" symlinks)"

finish
