#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# network.t: networks of many kinds, carried from a running system to a capture kernel, in network
# namespaces of this machine. What each case is, is in tests/net/cases; those with links that not
# each kernel has are in tests/vm/netlinks.t. Not root becomes it in a user namespace.

set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "$0")/lib.sh"

readonly CASES='static4 onlink4 static6 auto6 dhcp dhcp_dead any bridge no_carrier no_card
	silent_gateway drift refusals'

golden_needs lifeboat lifeboat-collect
# A mount namespace of its own: names of network namespaces are mounts, and /run is its alone.
PATH=$PATH:/sbin:/usr/sbin
as=(unshare --mount)
[[ $EUID = 0 ]] || as=(unshare --map-root-user --mount --net)
# shellcheck disable=SC2086 # words are wanted
"${as[@]}" sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh tests/net/cases "$out" "$work/cases" \
	$CASES > "$work/said" 2>&1

while IFS= read -r line; do
	case $line in
	'ok '*) pass "${line#ok }" ;;
	'not ok '*) fail "${line#not ok }" ;;
	*) printf '# %s\n' "$line" ;;
	esac
done < "$work/said"
for case in $CASES; do
	check "$case was run" grep -q "^\(not \)\?ok $case: " "$work/said"
done
finish
