// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat shrink: gives back what is reserved beyond what is needed, until the next boot. */
#include "loader/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/number.h"
#include "loader/crashmem.h"
#include "loader/hold.h"
#include "loader/iomem.h"
#include "loader/load.h"
#include "loader/loadplan.h"
#include "loader/sizing.h"
#include "loader/state.h"
#include "loader/turn.h"
#include "vmcore/vmcore.h"

enum {
	ALIGN = 1 << 20, /* KEXEC_CRASH_MEM_ALIGN is a page; people count in MiB */
	CALLS = 2, /* an unload and a load, which both count against the limit */
};

/* --to SIZE; 0: not said. */
static int wanted(const struct context *ctx, uint64_t *ret, struct err *err)
{
	*ret = 0;
	if (!ctx->nwords)
		return 0;
	if (ctx->nwords != 2 || strcmp(ctx->words[0], "--to") != 0 ||
	    !number_size(ctx->words[1], ret) || !*ret)
		return err_set(err, ERR_USAGE,
			       "the only words behind it are --to SIZE, such as 96M");
	*ret = (*ret + ALIGN - 1) / ALIGN * ALIGN;
	return 0;
}

/* Since 6.19 the file is in a directory of its own; the old name leads there, for now. */
static int write_size(const char *root, uint64_t size, struct err *err)
{
	static const char *const names[] = {"/sys/kernel/kexec/crash_size",
					    "/sys/kernel/kexec_crash_size"};
	CLEANUP_CLOSE int fd = -1;
	char path[FACTS_PATH_MAX], text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, size);

	for (size_t i = 0; i < ARRAY_SIZE(names) && fd < 0; i++) {
		int rc = facts_path(path, sizeof(path), root, names[i], err);

		if (rc)
			return rc;
		fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(err, "%s", path);
	if (write(fd, text, n) == n)
		return 0;
	if (errno == ENOENT)
		return err_set(err, ERR_SYS,
			       "%s: the kernel shrinks nothing while a capture kernel is loaded; "
			       "another program may have loaded one",
			       path);
	return err_sys(err, "%s: the kernel refuses %" PRIu64 " bytes", path, size);
}

static int check(const struct sizing *s, uint64_t to, struct err *err)
{
	if (s->facts.crash_size <= 0)
		return facts_check_reservation(&s->facts, 0, err);
	if (to >= s->bytes)
		return 0;
	return err_set(err, ERR_USAGE,
		       "%llu MiB would be too small: %llu MiB are needed, see `lifeboat estimate`",
		       facts_mib(to), facts_mib(s->bytes));
}

/*
 * Of the two areas of crashkernel=SIZE,high the one size that can be written counts both since 6.5
 * (16c6006af4d4), before only the upper one.
 */
static int check_areas(const char *root, struct err *err)
{
	struct iomem m = {0};
	size_t areas = 0;
	int rc = iomem_read(&m, root, err);

	for (size_t i = 0; i < m.n && !rc; i++)
		areas += strcmp(m.ranges[i].name, "Crash kernel") == 0;
	iomem_free(&m);
	if (rc || areas < 2)
		return rc;
	return err_set(err, ERR_UNSUPPORTED,
		       "memory is reserved in %zu areas (crashkernel=SIZE,high), and which of them "
		       "shrinks depends on the kernel: use `lifeboat reset-crashkernel`",
		       areas);
}

/* What is unloaded must be loaded again: whatever would be wrong with that is wrong before. */
static int check_load(const struct context *ctx, uint64_t to, struct err *err)
{
	struct loadplan *p = loadplan_create();
	int rc;

	if (!p)
		return err_set(err, ERR_NOMEM, "no memory to shrink");
	rc = loadplan_make(p, ctx, NULL, err);
	if (!rc) {
		p->facts.crash_size = to;
		rc = facts_check_reservation(&p->facts, p->kernel.memory + p->initrd.memory, err);
	}
	if (!rc && p->facts.load_limit >= 0 && p->facts.load_limit < CALLS)
		rc = err_set(err, ERR_LIMIT,
			     "kernel.kexec_load_limit_panic is %lld, and %d are needed to unload "
			     "and load again: do it after a reboot, or use `lifeboat "
			     "reset-crashkernel`",
			     (long long)p->facts.load_limit, CALLS);
	loadplan_destroy(p);
	if (rc)
		err_prepend(err, "nothing was done, for it could not be loaded again");
	return rc;
}

/*
 * Whether what lies in reserved memory is what @s records. Where that memory cannot be read the
 * record has to do.
 */
static int check_memory(const struct context *ctx, const struct state *s, struct err *err)
{
	CLEANUP_FREE struct crashmem *m = malloc(sizeof(*m));
	struct crashmem_want want = {.cmdline = s->cmdline, .initrd_size = s->initrd.size};
	struct vmcore *kcore = NULL;
	struct iomem iomem = {0};
	bool readable;
	int rc = 0;

	if (!m)
		return err_set(err, ERR_NOMEM, "no memory to shrink");
	readable = !crashmem_open(ctx->root, &kcore, NULL) && !iomem_read(&iomem, ctx->root, NULL);
	if (readable && (!s->params || crashmem_read(m, kcore, s->params, NULL)))
		rc = crashmem_find(m, kcore, &iomem, &want, err);
	if (readable && !rc && strcmp(m->cmdline, s->cmdline) != 0)
		rc = err_set(err, ERR_CORRUPT, "its command line is another: %.128s", m->cmdline);
	iomem_free(&iomem);
	if (kcore)
		vmcore_close(kcore);
	return rc;
}

/* Another program's kernel would not be loaded again, but ours in its place. */
static int check_ours(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct state *s = malloc(sizeof(*s));
	int rc;

	if (!s)
		return err_set(err, ERR_NOMEM, "no memory to shrink");
	rc = state_read(s, ctx->root, err);
	if (!rc)
		rc = check_memory(ctx, s, err);
	if (rc)
		err_prepend(
			err,
			"nothing was done: what is loaded may be another program's, such as "
			"kdump-tools; stop that one, or run `lifeboat load` to have ours in its "
			"place");
	return rc;
}

static int call_kernel(const struct context *ctx, bool loaded, uint64_t to, struct err *err)
{
	struct err late = {0};
	int rc = loaded ? unload_now(ctx, err) : 0;

	if (rc)
		return rc;
	rc = write_size(ctx->root, to, err);
	// Armed again whatever came of it.
	if (loaded && load_anew(ctx, "shrink", rc ? &late : err)) {
		if (rc)
			fprintf(ctx->diag, "lifeboat: shrink: %s\n", late.msg);
		err_prepend(err,
			    "this machine is NOT armed: it was unloaded, and no load followed");
		return rc ? rc : ERR_SYS;
	}
	return rc;
}

/* The kernel refuses while one is loaded: for a moment the machine is without. */
static int shrink(const struct context *ctx, const struct sizing *s, uint64_t to, struct err *err)
{
	bool loaded = s->facts.crash_loaded == 1;
	CLEANUP_CLOSE int work = -1;
	struct err why = {0};
	sigset_t before;
	struct facts now;
	int rc = turn_take(ctx->root, LOAD_TURN, LOAD_TURN_MS, &work, &why);

	// As a load: where no turns can be taken it goes ahead.
	if (!rc)
		return err_set(err, ERR_LIMIT, "a load has been at work for %d seconds",
			       LOAD_TURN_MS / 1000);
	if (rc < 0)
		fprintf(ctx->diag, "lifeboat: shrink: note: %s\n", why.msg);
	rc = loaded ? check_ours(ctx, err) : 0;
	if (!rc && loaded)
		rc = check_load(ctx, to, err);
	if (rc)
		return rc;
	hold_begin(&before);
	rc = call_kernel(ctx, loaded, to, err);
	hold_end(&before);
	if (rc)
		return rc;
	rc = facts_gather(&now, ctx->root, err);
	if (!rc)
		fprintf(ctx->out,
			"reserved: %llu MiB, until the next boot (lifeboat "
			"reset-crashkernel makes it last)\n",
			facts_mib(now.crash_size));
	return rc;
}

int command_shrink(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct config *c = malloc(sizeof(*c));
	CLEANUP_FREE struct sizing *s = malloc(sizeof(*s));
	uint64_t to;
	int rc;

	if (!c || !s)
		return err_set(err, ERR_NOMEM, "no memory to shrink");
	rc = wanted(ctx, &to, err);
	if (!rc)
		rc = command_read_config(ctx, "shrink", c, err);
	if (!rc)
		rc = sizing_gather(s, ctx->root, c, NULL, err);
	if (rc)
		return rc;
	to = to ? to : need_reserve(s->bytes);
	rc = check(s, to, err);
	if (rc)
		return rc;
	if (to >= (uint64_t)s->facts.crash_size) {
		fprintf(ctx->out, "reserved: %llu MiB, needed: %llu MiB: nothing to give back\n",
			facts_mib(s->facts.crash_size), facts_mib(s->bytes));
		return 0;
	}
	rc = check_areas(ctx->root, err);
	if (rc)
		return rc;
	fprintf(ctx->out,
		"%s %llu MiB of the %llu MiB reserved go back to the system; %llu MiB "
		"stay, %llu MiB are needed%s\n",
		ctx->yes ? "now" : "would:", facts_mib(s->facts.crash_size - to),
		facts_mib(s->facts.crash_size), facts_mib(to), facts_mib(s->bytes),
		s->facts.crash_loaded == 1
			? "; the capture kernel is unloaded for that and loaded again"
			: "");
	if (!ctx->yes) {
		fprintf(ctx->out, "nothing was done; `lifeboat --yes shrink` does it\n");
		return 0;
	}
	return shrink(ctx, s, to, err);
}
