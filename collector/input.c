// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/input.h"

#include "base/err.h"
#include "collector/log.h"
#include "vmcore/vmcore.h"

int input_open(struct input *in, const char *const *paths, size_t n, struct log *log,
	       struct err *err)
{
	const struct vmcore_info *info;
	const char *path = paths[0];
	struct err why = {0}, none = {0};
	int rc;

	*in = (struct input){0};
	rc = vmcore_open_set(paths, n, &in->vc, err);
	if (rc)
		return rc;
	info = vmcore_info(in->vc);
	for (size_t i = 0; i < info->nwarnings && i < VMCORE_WARNINGS_MAX; i++)
		log_line(log, LOG_ERROR, "warning: %s: %s", path, info->warnings[i]);
	rc = kmem_init(&in->km, in->vc, &why, &none);
	// Where no vmcoreinfo was found at all, the text says this already.
	if (in->km.notes_damage[0] && !rc)
		log_line(log, LOG_ERROR, "warning: %s: damaged notes: %s", path,
			 in->km.notes_damage);
	if (rc)
		log_line(log, LOG_ERROR, "warning: %s", none.msg);
	else if (in->km.source == KMEM_FROM_SCAN)
		log_line(log, LOG_ERROR,
			 "warning: no usable VMCOREINFO note; found its text in memory");
	if (!rc && !in->km.xlat)
		log_line(log, LOG_ERROR, "warning: no address translation: %s", why.msg);
	return 0;
}

void input_close(struct input *in)
{
	if (in->vc)
		kmem_deinit(&in->km);
	vmcore_close(in->vc);
	in->vc = NULL;
}
