#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# matrix.t: the part of tests/vm/matrix that every run of the tests has time for: the kernel of the
# other tests and the newest one, at the lowest and the highest level. `make test-matrix` does it all.

exec "$(dirname "$0")/matrix" -k '6.1-cloud sid/cloud' -s 2g -l '1 31'
