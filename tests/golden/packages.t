#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# packages: programs of another suite are had on a machine whose package lists were emptied and whose
# apt prefers its own release, from an archive that is a directory here.

# shellcheck disable=SC2154,SC2317 # work: golden/lib.sh; functions are called by check()
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
arch=$(dpkg --print-architecture)
archive=$work/archive
index=$archive/dists/sid/main/binary-$arch
mkdir -p "$index" "$work/lists/partial" "$work/cache" "$work/tree/DEBIAN" "$work/tree/usr/bin"

# The operators of a pattern are in its name, as in that of g++.
cp /bin/true "$work/tree/usr/bin/show"
cat > "$work/tree/DEBIAN/control" << END
Package: show++
Version: 1
Architecture: $arch
Maintainer: Nobody <nobody@example.org>
Description: shows nothing
END
dpkg-deb --build --root-owner-group "$work/tree" "$archive/show_1.deb" > "$work/deb.log" ||
	bail 'a package can be made'
{
	cat "$work/tree/DEBIAN/control"
	printf 'Filename: show_1.deb\nSize: %d\n' "$(stat -c %s "$archive/show_1.deb")"
	printf 'SHA256: %s\n' "$(sha256sum < "$archive/show_1.deb" | cut -d ' ' -f 1)"
} > "$index/Packages"

# The machine: nobody signed the archive; its own suite is not in it, and the other one is pinned away.
printf 'deb file:%s/ %s main\n' "$archive" "$codename" > "$work/sources.list"
printf 'Package: *\nPin: origin ""\nPin-Priority: -1\n' > "$work/preferences"
cat > "$work/apt.conf" << END
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "$work/preferences";
Dir::State::Lists "$work/lists";
Dir::Cache "$work/cache";
APT::Default-Release "$codename";
Acquire::AllowInsecureRepositories "true";
APT::Get::AllowUnauthenticated "true";
END

# tool PACKAGE: fetched from sid; what was said is in the file said.
tool()
{
	code=0
	APT_CONFIG=$work/apt.conf LIFEBOAT_BUILD=$work/build \
		scripts/tool fetch "sid/$1" > "$work/dir" 2> "$work/said" || code=$?
}

fetched()
{
	tool show++
	[[ $code = 0 && -x $work/build/tools/sid-show++/bin/show ]] &&
		grep -qx "$work/build/tools/sid-show++" "$work/dir"
}

refused()
{
	tool nowhere
	[[ $code != 0 ]] &&
		grep -q '^tool: no package nowhere in the package lists of sid: .*nowhere' "$work/said"
}

check 'a package of another suite is fetched, whatever the machine has and prefers' fetched
[[ $code = 0 ]] || sed 's/^/# /' "$work/said"
check 'where it cannot be had, the reason of apt is told' refused

finish
