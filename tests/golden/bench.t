#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench.t: what `make bench` makes of its figures, and how it takes them. The figures here are made
# up; that two programs are compared rightly with them can be told by hand.
#
# shellcheck disable=SC2016 # backquotes are Markdown's

set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
out=${LIFEBOAT_OUT:-build/out}
run=$out/tests/bench/run
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
tests=0
failed=0

# ok TEXT COMMAND...
ok()
{
	local text=$1
	shift
	tests=$((tests + 1))
	if "$@" > "$tmp/output" 2>&1 < /dev/null; then
		printf 'ok %d - %s\n' "$tests" "$text"
	else
		failed=$((failed + 1))
		printf 'not ok %d - %s\n' "$tests" "$text"
		head -n 30 "$tmp/output" | sed 's/^/# /'
	fi
}

# ---- one run ----

# costs ARGUMENT...: sets wall, peak (KiB) and status.
costs()
{
	read -r wall user sys peak status < <("$run" -l "$tmp/log" "$@")
}

costs sh -c 'printf out; printf err >&2; exit 7'
ok 'the exit code of a command is told' test "$status" = 7
ok 'what it prints is in the log' grep -qx outerr "$tmp/log"
costs -t 1 sleep 60
ok 'one that takes too long is ended' test "$status" = 124
ok 'and that did take as long as was given' test "${wall%.*}" -ge 1
# What the command leaves behind has a million turns to make.
costs -a bash -c '(for ((i = 0; i < 1000000; i++)); do :; done) & exit 3'
ok 'what is left behind counts with -a' awk -v user="$user" -v sys="$sys" 'BEGIN { exit user + sys < 0.2 }'
ok 'and the exit code is that of the command' test "$status" = 3
costs /nonexistent/program
ok 'one that is not there is no success' test "$status" != 0
costs true
small=$peak
costs /usr/bin/python3 -c 'b = bytearray(64 << 20)'
ok 'the peak is of the command alone' test "$small" -lt 4096
ok 'and all of it' test "$peak" -gt 65536
ok 'a file that is not there cannot be synced' sh -c "! '$run' -s '$tmp/none' -l '$tmp/log' true"

# ---- the report ----

# figures OURS THEIRS: results in which ours takes OURS seconds and makedumpfile THEIRS.
figures()
{
	/usr/bin/python3 - "$1" "$2" << 'END'
import json
import sys

ours, theirs = (float(a) for a in sys.argv[1:])


def runs(wall, peak=10 << 10, **more):
    return [dict({'wall': wall * f, 'user': wall, 'sys': 0.0, 'rss': peak, 'bytes': 1000000},
                 **more) for f in (1.0, 0.9, 1.2)]


def peer(wall, **more):
    return runs(wall, 36 << 10, scan=wall / 10, passes=1, **more)


codecs = ('lzo', 'zstd', 'zlib', 'none', 'elf')
dumps = {'auto ours': runs(ours), 'scan ours': runs(ours / 100)}
for codec in codecs:
    dumps[codec + ' ours'] = runs(ours)
    dumps[codec + ' ours-1'] = runs(ours)
    dumps[codec + ' peer 1.7.8'] = peer(theirs)
    if codec != 'zstd':
        dumps[codec + ' peer 1.7.2'] = peer(theirs * 2)
sizes = {}
for size in (2 << 30, 1 << 40):
    for free in (10, 90):
        sizes['%d %d ours' % (size, free)] = runs(ours)
        sizes['%d %d scan' % (size, free)] = runs(ours / 2)
        sizes['%d %d peer' % (size, free)] = runs(theirs, scan=theirs * 2, passes=4)
levels = {'31': 1000, '21': 3000}
json.dump({
    'machine': {'cpu': 'a processor', 'cpus': 2, 'virtual': True, 'memory_kib': 8 << 20,
                'kernel': '6.1', 'busy': 0.0, 'date': '2026-01-01'},
    'rounds': 3, 'level': 31, 'fast_is_shm': True, 'peers': ['1.7.2', '1.7.8'],
    'pages': {'memory': 4000, 'kept': 1000, 'zero': 60, 'constant': 40},
    'codec_us': {c: 2000.0 for c in codecs},
    'best': {c: {p: {'threads': 0, 'tried': {'0': theirs, '1': None}} for p in ('1.7.2', '1.7.8')}
             for c in codecs},
    'dumps': dumps,
    'disk': {'lzo ours': runs(ours), 'lzo peer 1.7.8': peer(theirs)},
    'kept': {'pages': levels, 'runs': {
        '%s %s %s' % (level, c, who): runs(ours if who == 'ours' else theirs)
        for level in levels for c in ('lzo', 'zstd') for who in ('ours', 'peer')}},
    'sizes': sizes,
    'memory': {'size': 1 << 40, 'short': '8M', 'runs': {
        n: runs(ours, 7 << 10) for n in ('real', 'real short', 'large', 'large short',
                                         'large peer')}},
}, sys.stdout)
END
}

has()
{
	grep -qF -- "$2" "$1" || { printf 'not in %s: %s\n' "$1" "$2"; return 1; }
}

mkdir "$tmp/good" "$tmp/again" "$tmp/bad"
figures 1 50 > "$tmp/good.json"
figures 2 3 > "$tmp/bad.json"
ok 'a report is made' tests/bench/report "$tmp/good.json" "$tmp/good"
cp "$tmp/output" "$tmp/table"
ok 'and the same one again' tests/bench/report "$tmp/good.json" "$tmp/again"
ok 'to the byte' diff -r "$tmp/good" "$tmp/again"
doc=$tmp/good/performance.md
ok 'the best makedumpfile is what counts, by the median' has "$doc" \
	'| LZO, `-l` | **lifeboat-collect** | 1.00 | 0.90 | 30 % | 1.00 | 10.0 | 1.0 | 50.00 |'
ok 'the table is printed, too' grep -qE \
	'^LZO, -l +lifeboat-collect +1\.00 +0\.90 +30 % +1\.00 +10\.0 +1\.0 +50\.00$' "$tmp/table"
ok 'a peer without a codec has no row' test "$(grep -c 'makedumpfile 1.7.2 |' "$doc")" = 5
# Of the scan in cycles one pass counts, half of what is told: 50 seconds, and ours takes 0.5.
ok 'one pass of a scan is compared' has "$doc" \
	'| scan of 1 TiB, 90 % free: times faster | 20 | 100.0 | yes |'
# 900 pages of 2 ms, on two CPUs: 0.9 s.
ok 'efficiency leaves out pages of zeros, and of another value' has "$doc" \
	'| zstd: codec-bound efficiency | 0.9 | 0.90 | yes |'
ok 'all is met' has "$doc" 'All of them are met.'
# 5 seconds of one pass, and ours takes 0.01.
ok 'the scan that no aim is set for is told beside them' has "$doc" \
	'No aim is set for the scan of the 4 GB: 500.00 times as fast'
for plot in kept memory free; do
	ok "plot $plot is XML" /usr/bin/python3 -c \
		'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$tmp/good/performance-$plot.svg"
done
ok 'a bad run makes a report' tests/bench/report "$tmp/bad.json" "$tmp/bad"
ok 'a miss is told in the text' has "$tmp/bad/performance.md" \
	'LZO, `-l`: times faster (1.50, wanted 2.0)'
ok 'and in the table' has "$tmp/bad/performance.md" \
	'| LZO, `-l`: times faster | 2.0 | 1.50 | **no** |'

# ---- levels that keep more and more ----

# grows COUNT...: whether pages kept by levels 31, 25, 23 and 17 serve a comparison.
grows()
{
	/usr/bin/python3 - "$@" << 'END'
import importlib.machinery
import importlib.util
import sys

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader('measure', 'tests/bench/measure')
measure = importlib.util.module_from_spec(importlib.util.spec_from_loader('measure', loader))
loader.exec_module(measure)
try:
    measure.check_grows(dict(zip(measure.KEPT_LEVELS, map(int, sys.argv[1:]))))
except measure.Trouble as e:
    sys.exit(str(e))
END
}

shrinks()
{
	! grows "$@"
}

ok 'levels that keep more and more serve' grows 10 20 30 40
ok 'whichever of two keeps more' grows 10 30 20 40
for counts in '10 10 30 30' '10 30 30 40' '20 10 30 40' '0 0 0 0'; do
	# shellcheck disable=SC2086 # one word a count
	ok "levels that keep $counts do not" shrinks $counts
done
printf '1..%d\n' "$tests"
[[ $failed = 0 ]]
