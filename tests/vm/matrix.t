#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# matrix.t: the part of tests/vm/matrix that is run each time: Debian's 6.1 and the newest kernel
# of sid, the lowest and the highest level.
#
# Which kernel is the newest is found out on the day, so that one may come that nobody has looked at
# yet. tests/vm/matrix says which failures are then ours (-n): all of what the machine's own list
# of its pages speaks against, and all that lifeboat-collect does on its own. Where only another
# program is at odds with us it is passed over, and told by name: "new kernel: ...".

set -u
exec "$(dirname "$0")/matrix" -n -k '6.1-cloud sid/cloud' -s 2g -l '1 31'
