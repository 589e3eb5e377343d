// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mkcore: `mkcore DESCRIPTION CORE` makes an ELF core from text ("-": standard input). The
 * language is told in tests/lib/mkcore.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "tests/lib/mkcore.h"

enum {
	TEXT_MAX = 16 << 20,
};

static int make(const char *from, const char *to, struct err *err)
{
	const char *path = strcmp(from, "-") ? from : "/dev/stdin";
	struct mkcore *mk = mkcore_create();
	CLEANUP_FREE char *text = NULL;
	CLEANUP_CLOSE int fd = -1;
	size_t size;
	int rc = mk ? io_read_file(path, TEXT_MAX, &text, &size, err)
		    : err_set(err, ERR_NOMEM, "no memory");

	if (!rc)
		rc = mkcore_parse(mk, from, text, size, err);
	if (!rc) {
		fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		rc = fd < 0 ? err_sys(err, "%s", to) : mkcore_write(mk, fd, err);
	}
	mkcore_destroy(mk);
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = {0};

	if (argc != 3) {
		fprintf(stderr, "usage: mkcore DESCRIPTION CORE\n");
		return 2;
	}
	if (make(argv[1], argv[2], &err)) {
		fprintf(stderr, "mkcore: %s\n", err.msg);
		return 1;
	}
	return 0;
}
