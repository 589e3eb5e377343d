// SPDX-License-Identifier: GPL-2.0-or-later
/* mkkernel FILE CORE: makes the small dead kernel that FILE describes (tests/lib/mkkernel.h). */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "tests/lib/mkkernel.h"

enum {
	TEXT_MAX = 64 << 20,
};

int main(int argc, char **argv)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_CLOSE int fd = -1;
	struct err err = {0};
	size_t size;
	int rc;

	if (argc != 3) {
		fprintf(stderr, "usage: mkkernel FILE CORE\n");
		return 2;
	}
	rc = io_read_file(argv[1], TEXT_MAX, &text, &size, &err);
	if (!rc) {
		fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		rc = fd < 0 ? err_sys(&err, "%s", argv[2])
			    : mkkernel_write(argv[1], text, size, fd, &err);
	}
	if (rc)
		fprintf(stderr, "mkkernel: %s\n", err.msg);
	return rc ? 1 : 0;
}
