// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/pstore.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

#define BACKEND_FILE "/sys/module/pstore/parameters/backend"
#define ALWAYS_FILE  "/sys/module/printk/parameters/always_kmsg_dump"
#define PMSG_FILE    "/dev/pmsg0"
#define KMSG_FILE    "/dev/kmsg"
#define NO_BACKEND   "(null)"
/* In front of a record of the log: of a level that consoles do not show, the text is there already. */
#define KMSG_LEVEL "<7>"

enum {
	PATH_ROOM = 512,
	/*
	 * Bytes of a record. The kernel takes 976 at least (LOG_LINE_MAX of 5.10), and of one writer
	 * ten records in five seconds (___ratelimit() in devkmsg_write()): enough for the whole text.
	 */
	KMSG_RECORD_MAX = 900,
};

static int open_for(const char *root, const char *name, struct err *err)
{
	char path[PATH_ROOM];
	int fd;

	snprintf(path, sizeof(path), "%s%s", root, name);
	// A device that makes its writer wait is of no use here.
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 ? fd : err_sys(err, "%s", path);
}

static int write_to(const char *root, const char *name, const char *text, size_t size,
		    struct err *err)
{
	CLEANUP_CLOSE int fd = open_for(root, name, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = io_write(fd, text, size, err);
	if (rc)
		err_prepend(err, "%s%s", root, name);
	return rc;
}

/* The name of the backend, which is empty when there is none. */
static void read_backend(const char *root, struct pstore *ps)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "%s" BACKEND_FILE, root);
	if (io_read_file(path, PATH_ROOM, &text, NULL, NULL))
		return;
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, NO_BACKEND) != 0)
		snprintf(ps->backend, sizeof(ps->backend), "%s", text);
}

/* Bytes of @text for one record: whole lines, if there is a line that ends in time. */
static size_t record_size(const char *text, size_t size)
{
	size_t n = size;

	if (n <= KMSG_RECORD_MAX)
		return n;
	for (n = KMSG_RECORD_MAX; n && text[n - 1] != '\n';)
		n--;
	return n ? n : KMSG_RECORD_MAX;
}

/* Into the log of this kernel: a write is a record, in which line ends may stand. */
static int write_kmsg(const char *root, const char *text, size_t size, struct err *err)
{
	CLEANUP_CLOSE int fd = open_for(root, KMSG_FILE, err);

	if (fd < 0)
		return fd;
	while (size) {
		char record[sizeof(KMSG_LEVEL) + KMSG_RECORD_MAX];
		size_t n = record_size(text, size);
		size_t len = snprintf(record, sizeof(record), KMSG_LEVEL "%.*s", (int)n, text);
		int rc = io_write(fd, record, len, err);

		if (rc) {
			err_prepend(err, "%s" KMSG_FILE, root);
			return rc;
		}
		text += n;
		size -= n;
	}
	return 0;
}

int pstore_put(const char *root, const char *text, size_t size, struct pstore *ret, struct err *err)
{
	int rc;

	*ret = (struct pstore){0};
	read_backend(root, ret);
	if (!ret->backend[0])
		return err_set(err, ERR_NOTFOUND,
			       "the capture kernel has no backend of pstore: no ERST, no EFI "
			       "variables, no ramoops");
	ret->now = write_to(root, PMSG_FILE, text, size, NULL) == 0;
	rc = write_to(root, ALWAYS_FILE, "Y", 1, err);
	if (!rc)
		rc = write_kmsg(root, text, size, err);
	return ret->now ? 0 : rc;
}
