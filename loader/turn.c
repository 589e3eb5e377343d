// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/facts.h"
#include "loader/state.h"

enum {
	STEP_MS = 100,
};

int turn_take(const char *root, const char *name, int wait_ms, int *ret_fd, struct err *err)
{
	char path[FACTS_PATH_MAX], file[FACTS_PATH_MAX + 64];
	CLEANUP_CLOSE int fd = -1;
	int rc = facts_path(path, sizeof(path), root, STATE_DIR, err);

	if (rc)
		return rc;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "%s", path);
	snprintf(file, sizeof(file), "%s/%s.lock", path, name);
	fd = open(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", file);
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, "%s", file);
		if (waited >= wait_ms)
			return 0;
		usleep(STEP_MS * 1000);
	}
	*ret_fd = steal_fd(&fd);
	return 1;
}
