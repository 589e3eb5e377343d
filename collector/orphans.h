/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * orphans: programs that a worker started, such as ssh, are in process groups of their own, and the
 * supervisor's when it is gone (PR_SET_CHILD_SUBREAPER): nobody else ends them, and they would go on
 * writing.
 */
#ifndef COLLECTOR_ORPHANS_H
#define COLLECTOR_ORPHANS_H

/*
 * Kills all children of this process, with their groups, and waits for them, a second at most. One
 * that hangs in the kernel is left behind.
 */
void orphans_end(void);

#endif
