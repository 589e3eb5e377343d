# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# search.sh: what the benches share that look for the smallest reservation; sourced.

# search FROM STEP LEAST MOST TRY...: sets found, in MiB, from LEAST to MOST, so that `TRY... found`
# succeeds, and fails, a STEP or less below, with which it does not; 0 where LEAST works. TRY's exit
# code 2 ends the search, as does MOST where it fails: 1, and found is not set. Steps from FROM, a multiple of
# STEP, get wider until one size works and one does not, then narrower.
search()
{
	local step=$2 least=$3 most=$4 at=$(($1 / $2 * $2)) wide=$2 works=0
	shift 4
	fails=0
	((at >= least)) || at=$least
	while ((works == 0 || fails == 0 || works - fails > step)); do
		"$@" "$at"
		case $? in
		0) works=$at ;;
		2) return 1 ;;
		*) fails=$at ;;
		esac
		if ((fails == 0)); then
			((works > least)) || break
			at=$((works - wide))
			wide=$((wide * 2))
			((at >= least)) || at=$least
		elif ((works == 0)); then
			at=$((fails + wide))
			wide=$((wide * 2))
			((fails < most)) || return 1
			((at <= most)) || at=$most
		else
			at=$(((works + fails) / 2 / step * step))
			((at > fails)) || at=$((fails + step))
		fi
	done
	# shellcheck disable=SC2034 # for the caller
	found=$works
}

# into_doc DOCUMENT BEGIN END FILE: what is between the lines BEGIN and END of the document becomes FILE.
into_doc()
{
	local new
	new=$(awk -v begin="$2" -v end="$3" -v file="$4" '
		index($0, end) == 1 { inside = 0 }
		!inside { print }
		index($0, begin) == 1 { inside = 1; while ((getline line < file) > 0) print line }' "$1") &&
		printf '%s\n' "$new" > "$1"
}
