// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blob: `blob FILE` writes the bytes of a fixture to standard output, `blob --dump FILE` writes
 * the bytes of any file as the text of a fixture. The language is told in tests/lib/blob.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "tests/lib/blob.h"

static int dump_file(const char *path, struct err *err)
{
	CLEANUP_FREE char *data = NULL;
	size_t size;
	int rc = io_read_file(path, BLOB_SIZE_MAX, &data, &size, err);

	if (rc)
		return rc;
	blob_dump((const uint8_t *)data, size, stdout);
	if (fflush(stdout) || ferror(stdout))
		return err_sys(err, "standard output");
	return 0;
}

static int compile_file(const char *path, struct err *err)
{
	CLEANUP_FREE uint8_t *data = NULL;
	size_t size;
	int rc = blob_load(path, &data, &size, err);

	if (rc)
		return rc;
	return io_write(STDOUT_FILENO, data, size, err);
}

int main(int argc, char **argv)
{
	struct err err = {0};
	int rc;

	if (argc == 3 && !strcmp(argv[1], "--dump")) {
		rc = dump_file(argv[2], &err);
	} else if (argc == 2 && argv[1][0] != '-') {
		rc = compile_file(argv[1], &err);
	} else {
		fprintf(stderr,
			"usage: blob FIXTURE > BYTES\n       blob --dump BYTES > FIXTURE\n");
		return 2;
	}
	if (rc)
		fprintf(stderr, "blob: %s\n", err.msg);
	return rc ? 1 : 0;
}
