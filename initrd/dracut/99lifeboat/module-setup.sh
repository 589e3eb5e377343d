#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# dracut's module "lifeboat": what the capture kernel needs, in an initrd that dracut builds:
#
#   dracut --hostonly --add lifeboat --force /var/lib/lifeboat/initrd-RELEASE.img RELEASE
#
# (-m instead of --add leaves all of dracut's own modules out.) lifeboat-mkinitrd says what that is, and
# dracut brings the kernel modules with their firmware. Its /init takes the place of dracut's: nothing
# of dracut's boot runs. A dracut.conf may set lifeboat_args, options of lifeboat-mkinitrd(8).

# shellcheck disable=SC2154 # initdir, hostonly, kernel, srcmods: dracut's

# called by dracut
check()
{
	require_binaries lifeboat lifeboat-collect lifeboat-mkinitrd || return 1
	# Only where it is asked for: the initrd of the running system has no use for it.
	return 255
}

# called by dracut
depends()
{
	return 0
}

lifeboat_fail()
{
	dfatal "lifeboat: $*"
	exit 1
}

# All but the kernel modules, in a directory beside the initrd's, made by whoever is called first. In it
# etc/lifeboat/modules has the names of those that are wanted, in the order in which to load them, each with
# its options.
lifeboat_tree()
{
	local generic=()
	tree=$initdir.lifeboat
	[[ ! -d $tree ]] || return 0
	[[ -n $hostonly ]] || generic=(--generic all)
	# shellcheck disable=SC2086 # words are wanted
	lifeboat-mkinitrd -k "$kernel" --modules-dir "${srcmods%/}" --tree "$tree" "${generic[@]}" \
		${lifeboat_args-} || lifeboat_fail 'an initrd without it would be of no use'
}

# called by dracut
install()
{
	local tree
	lifeboat_tree
	# What is a link to a directory here, such as /bin, stays one; what dracut has put there goes.
	if ! tar -C "$tree" --exclude=./etc/lifeboat/modules -cf "$tree.tar" . ||
		! tar -C "$initdir" --keep-directory-symlink --no-overwrite-dir -xf "$tree.tar"; then
		lifeboat_fail 'its files could not be put in'
	fi
}

# called by dracut
installkernel()
{
	local tree names name file list lines line
	lifeboat_tree
	mapfile -t lines < "$tree/etc/lifeboat/modules"
	names=("${lines[@]%% *}")
	mkdir -p "$initdir/etc/lifeboat"
	list=$initdir/etc/lifeboat/modules
	: > "$list"
	[[ ${#names[@]} != 0 ]] || return 0
	# By what the target needs, not by what happens to be loaded now.
	hostonly='' instmods -c "${names[@]}" || lifeboat_fail 'kernel modules could not be put in'
	for line in "${lines[@]}"; do
		name=${line%% *}
		file=$(find "$initdir/lib/modules/$kernel/" -name "${name//_/[-_]}.ko*" | head -n 1)
		[[ -n $file ]] || lifeboat_fail "the kernel module $name is not in the initrd"
		# The capture kernel need not know how to unpack it; the whole is compressed anyway.
		case $file in
		*.xz) xz -d "$file" ;;
		*.zst) zstd -q -d --rm "$file" ;;
		*.gz) gzip -d "$file" ;;
		esac || lifeboat_fail "$file cannot be unpacked"
		file=${file%.ko*}.ko
		printf '%s%s\n' "${file#"$initdir"}" "${line#"$name"}" >> "$list"
	done
}
