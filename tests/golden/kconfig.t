#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kconfig: the capture kernel's fragments say what 6.1 understands; and a fragment that does not, or two
# that do not agree, are told by name. Compiles nothing.

# What check calls is not seen to be called; work: golden/lib.sh
# shellcheck disable=SC2154,SC2317
set -u
# shellcheck source=tests/golden/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

script=$PWD/scripts/capture-kernel
check 'all profiles, as 6.1 has them' "$script" check 6.1

# What initrd/lifeboat-mkinitrd takes for a watchdog of a management controller.
for symbol in IPMI_SI IPMI_SSIF IPMI_WATCHDOG; do
	check "there is a module for CONFIG_$symbol" \
		grep -qx "CONFIG_$symbol=m" capture-kernel-config/hardware.config
done

cd "$work" || exit 1
mkdir -p fragments/x86_64
printf 'one two\n' > fragments/test.profile
printf 'CONFIG_64BIT=y\n' > fragments/x86_64/one.config

# with ONE TWO: the lines of the two fragments; runs kconfig on them.
with()
{
	printf '%b\n' "$1" > fragments/one.config
	printf '%b\n' "$2" > fragments/two.config
	came=0
	LIFEBOAT_FRAGMENTS=$PWD/fragments "$script" config test > said 2>&1 || came=$?
}

only()
{
	[[ $came != 0 && $(wc -l < said) = 1 ]] && grep -qF "$1" said
}

# refused TEXT LINE: with one line, which says LINE, and nothing else.
refused()
{
	check "$1" only "$2" || diag_input < said
}

with 'CONFIG_BLOCK=y' '# CONFIG_SMP is not set\nCONFIG_NET=y # with a reason'
check 'fragments that agree' test "$came" = 0 || diag_input < said
config=$(tail -n 1 said)
check 'what they ask for is on' grep -qx 'CONFIG_NET=y' "$config"
check 'what they do not name is off, whatever its default' grep -qx '# CONFIG_SWAP is not set' "$config"

with 'CONFIG_BLOCK=y' 'CONFIG_NO_SUCH_DRIVER=m'
refused 'a symbol that the kernel does not know' \
	'two.config: CONFIG_NO_SUCH_DRIVER=m is dropped, kconfig makes it n: linux 6.1 has no such symbol'
with 'CONFIG_BLOCK=y' 'CONFIG_EXT4_FS=y\nCONFIG_VIRTIO_BLK=y'
refused 'a symbol that lacks what it needs' 'two.config: CONFIG_VIRTIO_BLK=y is dropped'
with 'CONFIG_BLOCK=y\nCONFIG_EXT4_FS=y' '# CONFIG_JBD2 is not set'
refused 'a symbol that another one forces' 'two.config: CONFIG_JBD2=n is dropped, kconfig makes it y'
with 'CONFIG_NET=y' '# CONFIG_NET is not set'
refused 'two fragments that do not agree' \
	'two.config: CONFIG_NET=n is in conflict with CONFIG_NET=y in one.config'
with 'CONFIG_NET=y' 'CONFIG_NET=y'
refused 'two that say the same' 'two.config: CONFIG_NET=y is set in one.config, too'
with 'CONFIG_NET=y' 'CONFIG_UNIX = y'
refused 'a line that sets nothing' 'two.config: line 1 sets nothing: CONFIG_UNIX = y'
with 'CONFIG_SLUB_TINY=y # from 6.2' 'CONFIG_EXPERT=y\nCONFIG_SLOB=y # until 6.3'
check 'what a kernel does not have yet, or still has' test "$came" = 0 || diag_input < said
check 'the latter is asked for' grep -qx 'CONFIG_SLOB=y' "$(tail -n 1 said)"
printf 'one three\n' > fragments/test.profile
with '' ''
refused 'a fragment that is not there' 'test.profile: there is no fragment three'
finish
