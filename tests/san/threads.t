#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# threads: whole runs of the collector with eight workers, built with ThreadSanitizer: no data
# race in any of the ways a dump is made. `tests/run san` builds it and calls this.

# The cases are called by their names.
# shellcheck disable=SC2317
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1

out=$(realpath "${LIFEBOAT_OUT:-build/out-tsan}") || exit 1
collect=$out/lifeboat-collect
grep -q __tsan_init "$collect" || {
	printf 'Bail out! %s is not built with TSAN=1\n' "$collect"
	exit 1
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$out/tests/tools/mkkernel" tests/golden/codecs/mixed.kernel "$work/core" || exit 1
cd "$work" || exit 1
export TSAN_OPTIONS='halt_on_error=1 exitcode=66'

n=0
failed=0
# clean OPTION... OUTPUT...: the run ends well and without a report.
clean()
{
	n=$((n + 1))
	if "$collect" -f --threads 8 "$@" > said 2>&1 && ! grep -q ThreadSanitizer said; then
		printf 'ok %d - %s\n' "$n" "$*"
	else
		failed=1
		printf 'not ok %d - %s\n' "$n" "$*"
		sed 's/^/#   /' said | head -n 60
	fi
}

clean -d 31 core dump
clean -d 1 --ordered -z core dump
clean -d 31 -E core dump
clean --format raw core dump
clean -d 31 -l --split core s1 s2
clean -d 31 -F core flat

printf '1..%d\n' "$n"
exit "$failed"
