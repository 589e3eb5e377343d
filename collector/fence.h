/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence: tells the other nodes of a cluster that this one is busy with its dump, so that they take
 * it for fenced and do not reset it: the messages that fence_kdump_send(8) sends and
 * fence_kdump(8) waits for (agents/kdump of ClusterLabs' fence-agents). A message is 8 bytes in
 * the order of the machine: 0x1B302A40, and the version, 1; by UDP to port 7410 of each node.
 */
#ifndef COLLECTOR_FENCE_H
#define COLLECTOR_FENCE_H

#include <stddef.h>
#include <stdint.h>

struct config;
struct err;
struct log;

enum {
	FENCE_MAGIC = 0x1B302A40,
	FENCE_VERSION = 1,
	FENCE_MESSAGE_SIZE = 8,
	FENCE_NODES_MAX = 32, /* those behind are not told, which is logged */
};

/*
 * Starts a process that sends them to @c->fence_nodes as @c->fence says, until the descriptor
 * *@fd_ret is closed by all who have it, this process and its children; the caller closes it. -1:
 * no node is configured. That process brings up the network.
 * ERR_SYS, ERR_NOMEM. What cannot be sent is tried again.
 */
int fence_start(const struct config *c, struct log *log, int *fd_ret, struct err *err);

#endif
