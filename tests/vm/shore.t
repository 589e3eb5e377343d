#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# shore.t: the rows of tests/vm/shore.rows that are run each time; `make test-shore` runs all.

set -u
exec "$(dirname "$0")/shore"
