/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cleanup: release at the end of the scope, and hand over what must outlive it.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* free() when the variable, a pointer from malloc() or NULL, goes out of scope. */
#define CLEANUP_FREE __attribute__((cleanup(cleanup_free_)))

/* close() when the variable, a file descriptor or negative, goes out of scope. */
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close_)))

/* The pointer, leaving NULL behind: for returning what CLEANUP_FREE would release. */
#define STEAL_PTR(p)                          \
	({                                    \
		__auto_type steal_ptr_ = (p); \
		(p) = NULL;                   \
		steal_ptr_;                   \
	})

/* The same for a file descriptor. */
static inline int steal_fd(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
