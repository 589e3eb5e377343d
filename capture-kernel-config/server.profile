# SPDX-License-Identifier: GPL-2.0-or-later
# server: hardware; runs in virtual machines, too.
base
crash
console
screen
storage
hba
volumes
filesystems
nfs
network
cards
crypto
watchdog
pstore
guest
hardware
size-server
