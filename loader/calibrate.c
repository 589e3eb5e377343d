// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat calibrate: measures what this kernel and this initrd need, by crashing them in QEMU in
 * less and less memory; lifeboat-calibrate does that. What this machine has and that one does not is
 * added: memory, a card, ssh, LUKS.
 */
#include "loader/command.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/initrd.h"
#include "loader/sizing.h"

enum {
	TRY_MS = 900 * 1000, /* of silence: one try takes 600 s at most */
	LINE_MAX_LEN = 512,
	HOW_MAX = 160,
};

struct calibration {
	const struct context *ctx;
	struct config config;
	struct sizing sizing;
	struct initrd initrd;
	char kernel[FACTS_PATH_MAX], image[FACTS_PATH_MAX];
	unsigned int tries;
	uint64_t found; /* MiB */
};

/* @name beside this program, in ../lib/lifeboat, or where it is built. */
static int find_file(const char *name, char ret[static PATH_MAX], struct err *err)
{
	static const char *const dirs[] = {"", "../lib/lifeboat/", "../../initrd/"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		slash[1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (snprintf(ret, PATH_MAX, "%s%s%s", self, dirs[i], name) < PATH_MAX &&
		    access(ret, X_OK) == 0)
			return 0;
	}
	return err_set(err, ERR_NOTFOUND, "there is no %s beside %s or in its lib/lifeboat", name,
		       self);
}

/* The names of the modules in the initrd, a line each, in a file without a name. */
static int list_modules(const struct initrd *r, int *ret, struct err *err)
{
	CLEANUP_CLOSE int fd = memfd_create("modules", MFD_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return err_sys(err, "memory for a list of modules");
	for (size_t i = 0; i < r->n && !rc; i++) {
		const struct initrd_file *f = &r->files[i];
		const char *s = memrchr(f->path, '/', f->path_len);
		const char *end = f->path + f->path_len, *dot;

		s = s ? s + 1 : f->path;
		dot = memmem(s, end - s, ".ko", 3);
		if (!dot)
			continue;
		rc = io_write(fd, s, dot - s, err);
		if (!rc)
			rc = io_write(fd, "\n", 1, err);
	}
	if (!rc)
		*ret = steal_fd(&fd);
	return rc;
}

/* "try: ..." is for the user, "need N" is the end of it. */
static void take_line(struct calibration *c, const char *line)
{
	if (strncmp(line, "try: ", 5) == 0) {
		c->tries++;
		fprintf(c->ctx->out, "%s\n", line + 5);
		fflush(c->ctx->out);
	} else {
		sscanf(line, "need %" SCNu64, &c->found);
	}
}

static int follow(struct calibration *c, struct child *child, struct err *err)
{
	char line[LINE_MAX_LEN];
	size_t used = 0;
	char byte;
	ssize_t n;
	int rc;

	while ((n = child_read(child, &byte, 1, TRY_MS, err)) > 0) {
		if (byte != '\n' && used < sizeof(line) - 1) {
			line[used++] = byte;
			continue;
		}
		line[used] = '\0';
		used = 0;
		take_line(c, line);
	}
	rc = n < 0 ? n : child_wait(child, TRY_MS, err);
	if (rc)
		return rc;
	if (child_code(child) || !c->found)
		return err_set(err, ERR_STOPPED, "%.400s",
			       child->said[0] ? child->said : "it ended without a result");
	return 0;
}

static int measure(struct calibration *c, struct err *err)
{
	const struct sizing *s = &c->sizing;
	const char *release = s->kernel.release[0] ? s->kernel.release : s->facts.release;
	char script[PATH_MAX], mkinitrd[PATH_MAX], collector[PATH_MAX], self[PATH_MAX];
	char guess[24], has[64];
	CLEANUP_CLOSE int fd = -1;
	struct child child;
	int rc = find_file("lifeboat-calibrate", script, err);

	if (!rc)
		rc = find_file("lifeboat-mkinitrd", mkinitrd, err);
	if (!rc)
		rc = find_file("lifeboat-collect", collector, err);
	if (!rc)
		rc = find_file("lifeboat", self, err);
	if (!rc)
		rc = list_modules(&c->initrd, &fd, err);
	if (rc)
		return rc;
	snprintf(has, sizeof(has), "/proc/%d/fd/%d", (int)getpid(), fd);
	snprintf(guess, sizeof(guess), "%" PRIu64, s->need.total >> 20);
	rc = child_start(&child,
			 (const char *const[]){script, "--kernel", c->kernel, "--initrd", c->image,
					       "--release", release, "--has", has, "--guess", guess,
					       "--mkinitrd", mkinitrd, "--collector", collector,
					       "--lifeboat", self, NULL},
			 err);
	if (rc)
		return rc;
	child_close_in(&child);
	rc = follow(c, &child, err);
	child_end(&child);
	return rc;
}

/*
 * What that machine did not have of what this one has. There the reservation lies within as few
 * sections as can be, at the end of memory; here it may cross a border.
 */
static uint64_t add_others(const struct sizing *s)
{
	uint64_t more = ((s->need_facts.memory >> 30) * NEED_COLLECTOR_TIB_KIB / 1024) << 10;

	return more + s->need.not_in_lab + NEED_SECTION_MAP;
}

static int keep(struct calibration *c, struct err *err)
{
	uint64_t more = add_others(&c->sizing);
	uint64_t need = (c->found << 20) + more;
	char how[HOW_MAX];
	int rc;

	snprintf(how, sizeof(how),
		 "smallest that captured in QEMU, %u tries: %" PRIu64 " MiB; %llu MiB for what "
		 "only this machine has",
		 c->tries, c->found, facts_mib(more));
	rc = measured_store(c->ctx->root, c->sizing.images, need, how, err);
	if (!rc)
		fprintf(c->ctx->out, "%s\nneeded: %llu MiB (computed: %llu MiB)\n", how,
			facts_mib(need), facts_mib(c->sizing.need.total));
	return rc;
}

static int calibrate(struct calibration *c, struct err *err)
{
	const struct context *ctx = c->ctx;
	int rc = command_read_config(ctx, "calibrate", &c->config, err);

	if (!rc)
		rc = sizing_gather(&c->sizing, ctx->root, &c->config, &c->initrd, err);
	if (!rc)
		rc = facts_path(c->kernel, sizeof(c->kernel), ctx->root, c->sizing.kernel.path,
				err);
	if (!rc)
		rc = facts_path(c->image, sizeof(c->image), ctx->root, c->sizing.initrd.path, err);
	if (rc)
		return rc;
	fprintf(ctx->out, "%s with %s, in QEMU; each try is a machine that crashes\n",
		c->sizing.kernel.path, c->sizing.initrd.path);
	fflush(ctx->out);
	rc = measure(c, err);
	return rc ? rc : keep(c, err);
}

int command_calibrate(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct calibration *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return err_set(err, ERR_NOMEM, "no memory to calibrate");
	c->ctx = ctx;
	rc = calibrate(c, err);
	initrd_close(&c->initrd);
	return rc;
}
