// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/hold.h"

#include <stddef.h>

#include "base/cleanup.h"

void hold_begin(sigset_t *ret)
{
	// The last two stop a program: Ctrl-Z, and a word to a terminal that is another's.
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGTSTP, SIGTTOU};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, ret);
}

void hold_end(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}
