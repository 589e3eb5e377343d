// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/armed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "loader/jsonread.h"
#include "loader/store.h"

enum {
	TEXT_MAX = 64 << 10, /* enough if every byte of every string is escaped */
	ENTRIES_MAX = 4096,
};

static bool is_boot_id(const char *name)
{
	return strlen(name) == ARMED_BOOT_ID_MAX - 1 &&
	       strspn(name, "0123456789abcdef-") == ARMED_BOOT_ID_MAX - 1;
}

int armed_boot_id(const char *root, char ret[static ARMED_BOOT_ID_MAX], struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), root, "/proc/sys/kernel/random/boot_id", err);

	if (!rc)
		rc = io_read_file(path, 4096, &text, NULL, err);
	if (rc)
		return rc == ERR_SYS && err && err->sys == ENOENT ? ERR_NOTFOUND : rc;
	text[strcspn(text, "\n")] = '\0';
	if (!is_boot_id(text))
		return err_set(err, ERR_CORRUPT, "%s: '%.40s' is no boot id", path, text);
	memcpy(ret, text, ARMED_BOOT_ID_MAX);
	return 0;
}

void armed_set_targets(struct armed *a, const struct config *c)
{
	a->ntargets = c->ntargets;
	for (size_t i = 0; i < c->ntargets; i++) {
		const struct config_target *t = &c->targets[i];

		if (t->kind == CONFIG_TARGET_LOCAL)
			snprintf(a->targets[i], ARMED_TARGET_MAX, "local %.200s", t->path);
		else
			snprintf(a->targets[i], ARMED_TARGET_MAX, "%s %.200s",
				 config_target_name(t), t->where);
	}
}

int armed_write(const struct armed *a, const char *root, struct err *err)
{
	CLEANUP_FREE char *text = malloc(TEXT_MAX);
	struct json j;

	if (!text)
		return err_set(err, ERR_NOMEM, "no memory for the mark of this boot");
	json_init(&j, text, TEXT_MAX);
	json_object(&j, NULL);
	json_u64(&j, "armed_version", 1);
	json_string(&j, "boot_id", a->boot_id);
	json_u64(&j, "time", a->time);
	json_string(&j, "release", a->release);
	json_string(&j, "kernel", a->kernel);
	json_string(&j, "initrd", a->initrd);
	json_string(&j, "cmdline", a->cmdline);
	identity_put(&a->identity, &j);
	json_u64(&j, "reserved_bytes", a->reserved);
	json_u64(&j, "needs_bytes", a->needs);
	json_bool(&j, "test", a->test);
	json_array(&j, "targets");
	for (size_t i = 0; i < a->ntargets; i++)
		json_string(&j, NULL, a->targets[i]);
	json_array_end(&j);
	json_object_end(&j);
	if (j.overflow)
		return err_set(err, ERR_LIMIT, "the mark of this boot is too long");
	return store_write(root, ARMED_DIR, a->boot_id, text, j.used, err);
}

int armed_remove(const char *root, const char *boot_id, struct err *err)
{
	return store_remove(root, ARMED_DIR, boot_id, err);
}

static int read_mark(int at, const char *name, struct armed *a, struct err *err)
{
	struct json_object *o = NULL;
	int rc;

	*a = (struct armed){.time = 0};
	memcpy(a->boot_id, name, ARMED_BOOT_ID_MAX);
	rc = jsonread_file(at, name, &o, err);
	if (rc)
		return rc;
	jsonread_u64(o, "time", &a->time);
	jsonread_string(o, "release", a->release, sizeof(a->release));
	jsonread_string(o, "kernel", a->kernel, sizeof(a->kernel));
	jsonread_string(o, "initrd", a->initrd, sizeof(a->initrd));
	jsonread_string(o, "cmdline", a->cmdline, sizeof(a->cmdline));
	identity_read(&a->identity, o);
	jsonread_u64(o, "reserved_bytes", &a->reserved);
	jsonread_u64(o, "needs_bytes", &a->needs);
	jsonread_bool(o, "test", &a->test);
	while (a->ntargets < CONFIG_TARGETS_MAX &&
	       jsonread_string_at(o, "targets", a->ntargets, a->targets[a->ntargets],
				  ARMED_TARGET_MAX))
		a->ntargets++;
	jsonread_free(o);
	return 0;
}

int armed_read(struct armed *a, const char *root, const char *boot_id, struct err *err)
{
	CLEANUP_CLOSE int at = -1;
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), root, ARMED_DIR, err);

	if (rc)
		return rc;
	at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return errno == ENOENT ? err_set(err, ERR_NOTFOUND, ARMED_DIR ": is not there")
				       : err_sys(err, ARMED_DIR);
	return read_mark(at, boot_id, a, err);
}

static int oldest_first(const void *pa, const void *pb)
{
	const struct armed *a = pa, *b = pb;

	return a->time != b->time ? (a->time < b->time ? -1 : 1) : strcmp(a->boot_id, b->boot_id);
}

size_t armed_list(const char *root, const char *boot_id, struct armed marks[static ARMED_MAX])
{
	char path[FACTS_PATH_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	if (facts_path(path, sizeof(path), root, ARMED_DIR, NULL))
		return 0;
	d = opendir(path);
	for (int i = 0; d && n < ARMED_MAX && i < ENTRIES_MAX && (e = readdir(d)); i++) {
		if (is_boot_id(e->d_name) && strcmp(e->d_name, boot_id) != 0)
			read_mark(dirfd(d), e->d_name, &marks[n++], NULL);
	}
	if (d)
		closedir(d);
	qsort(marks, n, sizeof(*marks), oldest_first);
	return n;
}
