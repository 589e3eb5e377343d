# shellcheck shell=bash disable=SC2034 # they are for those who source it
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the golden tests share; they source it after `set -u`. It changes to the top of the tree,
# and sets
#   out                the build, with collect and kdumpcmp in it
#   golden             tests/golden, as an absolute path
#   work               a directory of the test's own, gone at its end
#   makedumpfile       Debian's, after golden_makedumpfile
#   code               of the last run; what it said is in the file said

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh

golden=$PWD/tests/golden
out=$(realpath "${LIFEBOAT_OUT:-build/out}") || exit 1
collect=$out/lifeboat-collect
kdumpcmp=$out/tests/oracle/kdumpcmp
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/.tap"
tap_begin "$work/.tap"

# golden_needs PROGRAM...: paths below $out.
golden_needs()
{
	local program
	for program; do
		[[ -x $out/$program ]] ||
			bail "$out/$program is there: make all test-tools guest-tools oracle-tools"
	done
}

golden_makedumpfile()
{
	makedumpfile=$(PATH=$PATH:/sbin:/usr/sbin command -v makedumpfile) ||
		bail 'makedumpfile is installed: scripts/deps'
}

# mkcore TEXT FILE; mkkernel TEXT FILE: a core made from a description.
mkcore()
{
	"$out/tests/tools/mkcore" "$@" || bail "there is a core of $1"
}

mkkernel()
{
	"$out/tests/tools/mkkernel" "$@" || bail "there is a core of $1"
}

# ok TEXT COMMAND...: as check; when it failed, what was said is shown, too.
ok()
{
	check "$@" && return
	[[ ! -e said ]] || diag_input < said
	return 1
}

# Runs the collector.
run()
{
	"$collect" "$@" > said 2>&1
	code=$?
}

# ended CODE TEXT: the last run.
ended()
{
	check_is "$2: exit code $1" "$1" "$code" && return
	diag_input < said
	return 1
}

says()
{
	grep -qE "$1" said
}

gone()
{
	local name
	for name; do
		test ! -e "$name" || return 1
	done
}
