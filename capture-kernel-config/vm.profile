# SPDX-License-Identifier: GPL-2.0-or-later
# vm: guests of KVM, Hyper-V and VMware, and those of clouds. The smallest.
base
crash
console
storage
volumes
filesystems
nfs
network
crypto
watchdog
pstore
guest
size-vm
