# SPDX-License-Identifier: GPL-2.0-or-later
# debug: a server kernel that tells more of itself.
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
debug
