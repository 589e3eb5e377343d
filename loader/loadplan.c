// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/loadplan.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/command.h"
#include "loader/sizing.h"
#include "loader/state.h"
#include "loader/trust.h"

struct loadplan *loadplan_create(void)
{
	struct loadplan *p = calloc(1, sizeof(*p));

	if (p)
		p->kernel_fd = p->initrd_fd = -1;
	return p;
}

void loadplan_destroy(struct loadplan *p)
{
	if (!p)
		return;
	cleanup_close_(&p->kernel_fd);
	cleanup_close_(&p->initrd_fd);
	free(p->running);
	free(p);
}

int loadplan_config(struct loadplan *p, const struct context *ctx, const char *who, struct err *err)
{
	struct err why = {0};
	int fd = -1;
	int rc = trust_file(ctx->root, ctx->config, &why);

	// Whoever may write to it says what runs as root when this kernel dies.
	if (rc && rc != ERR_NOTFOUND)
		return err_set(err, ERR_USAGE, "%s", why.msg);
	rc = command_read_config(ctx, who, &p->config, err);
	if (rc)
		return rc;
	// Nobody is to believe in a dump that this version can't make.
	if (config_check(&p->config, ctx->config, &why))
		return err_set(err, ERR_USAGE, "%s", why.msg);
	// For status, which tells when it was edited since. An empty or missing one is told too.
	if (image_open(&p->config_file, ctx->root, ctx->config, &fd, NULL) == 0)
		cleanup_close_(&fd);
	return 0;
}

int loadplan_facts(struct loadplan *p, const struct context *ctx, struct err *err)
{
	int rc = facts_gather(&p->facts, ctx->root, err);

	if (rc)
		return rc;
	rc = armed_boot_id(ctx->root, p->boot_id, err);
	return rc == ERR_NOTFOUND ? 0 : rc;
}

int loadplan_kernel(struct loadplan *p, const struct context *ctx, struct err *err)
{
	int rc = image_open_kernel(&p->kernel, ctx->root, p->config.kernel, p->facts.release,
				   &p->kernel_fd, err);

	// What runs as root when this kernel dies must be root's.
	return rc ? rc : trust_opened(p->kernel_fd, p->kernel.path, err);
}

int loadplan_initrd(struct loadplan *p, const struct context *ctx, struct err *err)
{
	const char *release = p->kernel.release[0] ? p->kernel.release : p->facts.release;
	int rc = image_open_initrd(&p->initrd, ctx->root, p->config.initrd, release, &p->initrd_fd,
				   err);

	if (!rc)
		rc = trust_opened(p->initrd_fd, p->initrd.path, err);
	if (rc)
		return rc;
	return facts_check_reservation(&p->facts, p->kernel.memory + p->initrd.memory, err);
}

static void choose_cpus(struct loadplan *p, struct cmdline_parts *parts)
{
	struct cpus_facts facts = {
		.reserved = p->facts.crash_size,
		.images = p->kernel.memory + p->initrd.memory,
		.present = p->facts.cpus,
		.words = cmdline_says_cpus(parts),
		.may_start = !parts->arch->spares_boot_cpu || p->facts.boot_apicid >= 0,
		.wish = p->config.capture_cpus,
	};

	cpus_choose(&facts, &p->cpus);
	parts->cpus = p->cpus.n;
	parts->boot_apicid = p->facts.boot_apicid;
}

int loadplan_cmdline(struct loadplan *p, const struct context *ctx, struct err *err)
{
	char path[FACTS_PATH_MAX], images[MEASURED_IMAGES_MAX];
	struct cmdline_parts parts = {
		.arch = cmdline_arch(p->facts.machine),
		.whole = p->config.cmdline,
		.append = p->config.cmdline_append,
		.remove = p->config.cmdline_remove,
	};
	int rc;

	if (!parts.arch)
		return err_set(err, ERR_UNSUPPORTED, "machines of type %s are not known yet",
			       p->facts.machine);
	rc = facts_path(path, sizeof(path), ctx->root, "/proc/cmdline", err);
	if (!rc)
		rc = io_read_file(path, FACTS_CMDLINE_MAX, &p->running, NULL, err);
	if (rc)
		return rc;
	parts.running = p->running;
	parts.boot_id = p->boot_id;
	sizing_images(&p->kernel, &p->initrd, images);
	parts.images = images;
	choose_cpus(p, &parts);
	return cmdline_build(&parts, p->cmdline, err);
}

int loadplan_door(const struct facts *f, struct err *err)
{
	if (f->may_load && f->load_disabled != 1 && f->load_limit != 0)
		return 0;
	return kexecfile_explain(EPERM, f, &(struct kexecfile_request){0}, err);
}

int loadplan_make(struct loadplan *p, const struct context *ctx, const char *who, struct err *err)
{
	int rc = loadplan_config(p, ctx, who, err);

	if (!rc)
		rc = loadplan_facts(p, ctx, err);
	// Before the files, since no file helps.
	if (!rc)
		rc = loadplan_door(&p->facts, err);
	if (!rc)
		rc = facts_check_reservation(&p->facts, 0, err);
	if (!rc)
		rc = loadplan_kernel(p, ctx, err);
	if (!rc)
		rc = loadplan_initrd(p, ctx, err);
	return rc ? rc : loadplan_cmdline(p, ctx, err);
}

static void __attribute__((format(printf, 3, 4)))
add(char *what, size_t *used, const char *fmt, ...)
{
	va_list ap;

	if (*used && *used < LOADPLAN_CHANGES_MAX)
		*used += snprintf(what + *used, LOADPLAN_CHANGES_MAX - *used, "; ");
	if (*used >= LOADPLAN_CHANGES_MAX)
		return;
	va_start(ap, fmt);
	*used += vsnprintf(what + *used, LOADPLAN_CHANGES_MAX - *used, fmt, ap);
	va_end(ap);
}

static void add_file(char *what, size_t *used, const char *name, const struct image *now,
		     const struct state_file *then)
{
	if (strcmp(now->path, then->path) != 0)
		add(what, used, "%s: %.256s instead of %.256s", name,
		    now->path[0] ? now->path : "none", then->path[0] ? then->path : "none");
	else if (now->size != then->size || strcmp(now->digest, then->digest) != 0)
		add(what, used, "%s: %.256s has changed", name, now->path);
}

bool loadplan_differs(const struct loadplan *p, const struct state *s, char *what)
{
	size_t used = 0;

	what[0] = '\0';
	add_file(what, &used, "kernel", &p->kernel, &s->kernel);
	add_file(what, &used, "initrd", &p->initrd, &s->initrd);
	add_file(what, &used, "configuration", &p->config_file, &s->config);
	if (strcmp(p->cmdline, s->cmdline) != 0)
		add(what, &used, "command line");
	return used != 0;
}
