# shellcheck shell=bash disable=SC2034 # some is for those who source it
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every test in bash shares; sourced, after `set -u`, by tests/vm/lib.sh and
# tests/golden/lib.sh. TAP is counted in a file, not in a variable: checks may be made in pipes
# and subshells.

export LC_ALL=C

# tap_begin DIR: DIR/results has a line a check, DIR/check.out what the last command printed.
tap_begin()
{
	tap_dir=$1
	tap_results=$1/results
	: > "$tap_results"
}

diag()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

# Standard input as diagnostics; at most so many lines that the first ones are still seen.
diag_input()
{
	tr '\r' '\n' | head -n 40 | sed 's/^/# /'
}

# pass TEXT; fail TEXT
pass()
{
	printf 'ok\n' >> "$tap_results"
	printf 'ok %d - %s\n' "$(wc -l < "$tap_results")" "$*"
}

fail()
{
	printf 'not ok\n' >> "$tap_results"
	printf 'not ok %d - %s\n' "$(wc -l < "$tap_results")" "$*"
}

# check TEXT COMMAND...: ok if the command is successful; if not, what it printed is shown.
check()
{
	local tap_name=$1
	shift
	check_code "$tap_name" 0 "$@"
}

# check_fails TEXT CODE COMMAND...: ok if the command ends with that very code.
check_fails()
{
	check_code "$@"
}

# No name that a function of the test may look for: it would find this one.
check_code()
{
	local tap_text=$1 tap_wanted=$2 tap_came=0
	shift 2
	"$@" > "$tap_dir/check.out" 2>&1 < /dev/null || tap_came=$?
	if [[ $tap_came = "$tap_wanted" ]]; then
		pass "$tap_text"
		return 0
	fi
	fail "$tap_text"
	diag "exit code $tap_came, not $tap_wanted: $*"
	diag_input < "$tap_dir/check.out"
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
	total=$(wc -l < "$tap_results")
	printf '1..%d\n' "$total"
	[[ $total -gt 0 ]] && ! grep -q '^not' "$tap_results"
	exit
}
