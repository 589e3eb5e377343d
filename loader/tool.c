// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/tool.h"

#include <string.h>

#include "base/child.h"
#include "base/err.h"

enum {
	TOOL_MS = 30000,
};

int tool_run(const char *const argv[], const char *input, char *out, size_t room, int *code_ret,
	     struct err *err)
{
	struct child c;
	size_t n = 0;
	ssize_t got;
	int rc = child_start(&c, argv, err);

	if (rc == ERR_NOTFOUND)
		return err_set(err, rc, "there is no %s here; install openssh-client", argv[0]);
	if (rc)
		return rc;
	if (input)
		rc = child_write(&c, input, strlen(input), TOOL_MS, err);
	child_close_in(&c);
	while (!rc && (got = child_read(&c, out + n, room - 1 - n, TOOL_MS, err)) != 0) {
		if (got < 0)
			rc = got;
		else
			n += got;
		if (n + 1 >= room)
			rc = err_set(err, ERR_LIMIT, "%s says more than %zu bytes", argv[0], room);
	}
	out[n] = '\0';
	if (!rc)
		rc = child_wait(&c, TOOL_MS, err);
	*code_ret = rc ? -1 : child_code(&c);
	child_end(&c);
	if (rc)
		err_prepend(err, "%s", argv[0]);
	return rc;
}
