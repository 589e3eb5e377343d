// SPDX-License-Identifier: GPL-2.0-or-later
/* A block device without a file system: the dump lies on it from its first byte on. */
#include "collector/sink.h"
#include "collector/target.h"

static int raw_open(struct target *t, struct err *err)
{
	return target_find_device(t, err);
}

static int raw_open_sink(struct target *t, const char *name, const char *temp, struct sink *s,
			 struct err *err)
{
	(void)name;
	(void)temp;
	return sink_raw_open(s, t->device, err);
}

static int raw_close(struct target *t, struct err *err)
{
	(void)t;
	(void)err;
	return 0;
}

const struct target_ops target_raw = {
	.name = "raw",
	.open = raw_open,
	.open_sink = raw_open_sink,
	.close = raw_close,
};
