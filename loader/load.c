// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat load, reload, unload: puts the capture kernel in place, or takes it away. */
#include "loader/command.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/armed.h"
#include "loader/cmdline.h"
#include "loader/cpus.h"
#include "loader/sizing.h"
#include "loader/state.h"

/* All that a load needs, made ready before anything is changed. */
struct load {
	struct config config;
	struct facts facts;
	struct image kernel, initrd, config_file;
	int kernel_fd, initrd_fd;
	char cmdline[CMDLINE_MAX];
	struct cpus_choice cpus;
	char *running; /* command line of the running kernel */
	struct kexecload segments;
	struct state state;
	struct armed armed; /* the mark of this boot; no boot_id: the kernel has none */
	struct sizing sizing; /* what it needs; bytes 0: that could not be told */
};

static struct load *load_create(void)
{
	struct load *l = calloc(1, sizeof(*l));

	if (l)
		l->kernel_fd = l->initrd_fd = -1;
	return l;
}

static void load_destroy(struct load *l)
{
	if (!l)
		return;
	cleanup_close_(&l->kernel_fd);
	cleanup_close_(&l->initrd_fd);
	kexecload_deinit(&l->segments);
	free(l->running);
	free(l);
}

static int prepare_config(struct load *l, const struct context *ctx, const char *who,
			  struct err *err)
{
	struct err why = {0};
	int fd = -1;
	int rc = command_read_config(ctx, who, &l->config, err);

	if (rc)
		return rc;
	// Nobody is to believe in a dump that this version can't make.
	if (config_check(&l->config, ctx->config, &why))
		return err_set(err, ERR_USAGE, "%s", why.msg);
	// For status, which tells when it was edited since. An empty or missing one is told too.
	if (image_open(&l->config_file, ctx->root, ctx->config, &fd, NULL) == 0)
		cleanup_close_(&fd);
	return 0;
}

static int prepare_images(struct load *l, const struct context *ctx, struct err *err)
{
	const char *release;
	int rc = image_open_kernel(&l->kernel, ctx->root, l->config.kernel, l->facts.release,
				   &l->kernel_fd, err);

	if (rc)
		return rc;
	release = l->kernel.release[0] ? l->kernel.release : l->facts.release;
	rc = image_open_initrd(&l->initrd, ctx->root, l->config.initrd, release, &l->initrd_fd,
			       err);
	if (rc)
		return rc;
	return facts_check_reservation(&l->facts, l->kernel.memory + l->initrd.memory, err);
}

static void choose_cpus(struct load *l, struct cmdline_parts *parts)
{
	struct cpus_facts facts = {
		.reserved = l->facts.crash_size,
		.images = l->kernel.memory + l->initrd.memory,
		.present = l->facts.cpus,
		.words = cmdline_says_cpus(parts),
		.may_start = !parts->arch->spares_boot_cpu || l->facts.boot_apicid >= 0,
		.wish = l->config.capture_cpus,
	};

	cpus_choose(&facts, &l->cpus);
	parts->cpus = l->cpus.n;
	parts->boot_apicid = l->facts.boot_apicid;
}

static int prepare_cmdline(struct load *l, const struct context *ctx, struct err *err)
{
	char path[FACTS_PATH_MAX], images[MEASURED_IMAGES_MAX];
	struct cmdline_parts parts = {
		.arch = cmdline_arch(l->facts.machine),
		.whole = l->config.cmdline,
		.append = l->config.cmdline_append,
		.remove = l->config.cmdline_remove,
	};
	int rc;

	if (!parts.arch)
		return err_set(err, ERR_UNSUPPORTED, "machines of type %s are not known yet",
			       l->facts.machine);
	rc = facts_path(path, sizeof(path), ctx->root, "/proc/cmdline", err);
	if (!rc)
		rc = io_read_file(path, FACTS_CMDLINE_MAX, &l->running, NULL, err);
	if (rc)
		return rc;
	parts.running = l->running;
	parts.boot_id = l->armed.boot_id;
	sizing_images(&l->kernel, &l->initrd, images);
	parts.images = images;
	choose_cpus(l, &parts);
	return cmdline_build(&parts, l->cmdline, err);
}

static int prepare(struct load *l, const struct context *ctx, const char *who, struct err *err)
{
	int rc = prepare_config(l, ctx, who, err);

	if (rc)
		return rc;
	rc = facts_gather(&l->facts, ctx->root, err);
	if (rc)
		return rc;
	// What would be refused at the door is told before anything is read.
	if (!l->facts.may_load || l->facts.load_disabled == 1 || l->facts.load_limit == 0)
		return kexecfile_explain(EPERM, &l->facts, &(struct kexecfile_request){0}, err);
	rc = armed_boot_id(ctx->root, l->armed.boot_id, err);
	if (rc && rc != ERR_NOTFOUND)
		return rc;
	// First of all, since it takes a reboot and no file helps.
	rc = facts_check_reservation(&l->facts, 0, err);
	if (rc)
		return rc;
	rc = prepare_images(l, ctx, err);
	if (rc)
		return rc;
	return prepare_cmdline(l, ctx, err);
}

static void record_file(struct state_file *f, const struct image *img)
{
	memcpy(f->path, img->path, sizeof(f->path));
	f->size = img->size;
	f->crc = img->crc;
}

/* The load succeeded: a record that can't be kept is worth a note, not a failure. */
static void record(struct load *l, const struct context *ctx, const char *who)
{
	struct state *s = &l->state;
	struct err why = {0};

	s->time = time(NULL);
	record_file(&s->kernel, &l->kernel);
	record_file(&s->initrd, &l->initrd);
	record_file(&s->config, &l->config_file);
	memcpy(s->release, l->kernel.release, sizeof(s->release));
	memcpy(s->cmdline, l->cmdline, sizeof(s->cmdline));
	snprintf(s->cpus, sizeof(s->cpus), "%s", l->cpus.why);
	if (state_write(s, ctx->root, &why))
		fprintf(ctx->diag,
			"lifeboat: %s: note: status will know nothing of this load: %s\n", who,
			why.msg);
}

static bool locked_down(const struct facts *f)
{
	return f->lockdown[0] && strcmp(f->lockdown, "none") != 0;
}

/* kexec_load(2): whatever is wrong is found before the call. */
static int call_segments(struct load *l, const struct context *ctx, const char *why,
			 const struct kexecfile_request *files, struct err *err)
{
	char kernel[FACTS_PATH_MAX], initrd[FACTS_PATH_MAX];
	struct kexecload_request req = {.kernel_path = kernel,
					.initrd_path = initrd,
					.cmdline = l->cmdline,
					.running_cmdline = l->running};
	struct kexecload *s = &l->segments;
	int rc = facts_path(kernel, sizeof(kernel), ctx->root, l->kernel.path, err);

	if (!rc)
		rc = facts_path(initrd, sizeof(initrd), ctx->root, l->initrd.path, err);
	if (!rc)
		rc = kexecload_prepare(s, ctx->root, &req, err);
	if (rc)
		return rc;
	if (kexecload_run(s, ctx->kexec_load))
		return kexecload_explain(errno, &l->facts, files, err);
	snprintf(
		l->state.call, sizeof(l->state.call),
		"kexec_load, %s: %zu segments, %zu notes of CPUs, %zu ranges of memory; damage %s%s",
		why, s->segments.n, s->notes, s->ranges,
		s->serial ? "is told on the serial console" : "resets the machine",
		s->hotplug ? "; the kernel follows changes of CPUs and memory" : "");
	return 0;
}

static int call_file(struct load *l, const struct context *ctx, const char *why)
{
	if (ctx->kexec(l->kernel_fd, l->initrd_fd, strlen(l->cmdline) + 1, l->cmdline,
		       KEXECFILE_ON_CRASH) < 0)
		return errno;
	snprintf(l->state.call, sizeof(l->state.call), "kexec_file_load, %s", why);
	return 0;
}

/*
 * By itself the kernel's own loader: it takes signed kernels under lockdown, and keeps what it
 * loaded up to date. Ours where there is none, or where the kernel is of a kind it does not know.
 */
static int choose_call(struct load *l, const struct context *ctx,
		       const struct kexecfile_request *files, struct err *err)
{
	int sys;

	if (l->config.load_with == CONFIG_CALL_SEGMENTS)
		return call_segments(l, ctx, "as configured", files, err);
	sys = call_file(l, ctx,
			l->config.load_with == CONFIG_CALL_FILE ? "as configured"
								: "the running kernel has it");
	if (!sys)
		return 0;
	if (l->config.load_with == CONFIG_CALL_AUTO && !locked_down(&l->facts) &&
	    (sys == ENOSYS || sys == ENOEXEC)) {
		struct err why = {0};
		int rc = call_segments(l, ctx,
				       sys == ENOSYS
					       ? "there is no kexec_file_load"
					       : "kexec_file_load does not know such a kernel",
				       files, &why);

		// What the file is not is told best by the kernel's own answer.
		if (!rc || sys == ENOSYS) {
			if (rc && err)
				*err = why;
			return rc;
		}
	}
	return kexecfile_explain(sys, &l->facts, files, err);
}

/*
 * The mark that this boot has not ended in order, as long as nobody says that it has: for the
 * receipts of the next one, and a note when it can't be made.
 */
static void mark(struct load *l, const struct context *ctx, const char *who)
{
	struct armed *a = &l->armed;
	struct err why = {0};

	if (!a->boot_id[0])
		return;
	a->time = time(NULL);
	memcpy(a->release, l->facts.release, sizeof(a->release));
	memcpy(a->kernel, l->kernel.path, sizeof(a->kernel));
	memcpy(a->initrd, l->initrd.path, sizeof(a->initrd));
	memcpy(a->cmdline, l->cmdline, sizeof(a->cmdline));
	a->reserved = l->facts.crash_size;
	a->needs = l->sizing.bytes;
	armed_set_targets(a, &l->config);
	if (armed_write(a, ctx->root, &why))
		fprintf(ctx->diag,
			"lifeboat: %s: note: should this boot end in a crash, receipts may not "
			"know: %s\n",
			who, why.msg);
}

/* The call. An older image is dropped by the kernel itself before it takes the new one. */
static int call(struct load *l, const struct context *ctx, struct err *err)
{
	struct kexecfile_request req = {
		.kernel = &l->kernel,
		.initrd = &l->initrd,
		.cmdline_len = strlen(l->cmdline),
	};
	CLEANUP_FREE struct state *old = malloc(sizeof(*old));
	bool recorded = old && state_read(old, ctx->root, NULL) == 0;
	int rc = state_remove(ctx->root, err);

	if (!rc)
		rc = choose_call(l, ctx, &req, err);
	facts_refresh_loaded(&l->facts, ctx->root);
	// Refused at the door: then the older one, and its record, hold on.
	if (rc && recorded && l->facts.crash_loaded == 1)
		state_write(old, ctx->root, NULL);
	if (rc)
		return rc;
	if (l->facts.crash_loaded == 0)
		return err_set(err, ERR_CORRUPT,
			       "the kernel took the image and says that none is loaded; another "
			       "program may have unloaded it; try again");
	return 0;
}

/*
 * Whether what is reserved suffices: better known now. An initrd that is not understood is no reason
 * not to load it.
 */
static void check_size(struct load *l, const struct context *ctx, const char *who)
{
	if (sizing_gather(&l->sizing, ctx->root, &l->config, NULL, NULL))
		l->sizing.bytes = 0;
	if ((int64_t)l->sizing.bytes <= l->facts.crash_size)
		return;
	fprintf(ctx->diag,
		"lifeboat: %s: warning: %llu MiB are reserved, and the capture kernel is to need "
		"%llu MiB: it may run out of memory; `lifeboat estimate` says why, `lifeboat "
		"reset-crashkernel` helps\n",
		who, facts_mib(l->facts.crash_size), facts_mib(l->sizing.bytes));
}

static int load_as(const char *who, const struct context *ctx, struct err *err)
{
	struct load *l = load_create();
	int rc;

	if (!l)
		return err_set(err, ERR_NOMEM, "no memory to load");
	// A mistake in a new configuration must not disarm what the old one armed.
	rc = prepare(l, ctx, who, err);
	if (!rc)
		rc = call(l, ctx, err);
	if (!rc) {
		check_size(l, ctx, who);
		record(l, ctx, who);
		mark(l, ctx, who);
		fprintf(ctx->out, "loaded %s and %s (%llu MiB of the %llu MiB reserved)\n",
			l->kernel.path, l->initrd.path,
			facts_mib(l->kernel.memory + l->initrd.memory),
			facts_mib(l->facts.crash_size));
		fprintf(ctx->out, "%s\n", l->cpus.why);
		fprintf(ctx->out, "with %s\n", l->state.call);
	}
	load_destroy(l);
	return rc;
}

int command_load(const struct context *ctx, struct err *err)
{
	return load_as("load", ctx, err);
}

/*
 * No unload of its own in between: since 6.3 that would count against
 * kernel.kexec_load_limit_panic, and could use up what the load needs.
 */
int command_reload(const struct context *ctx, struct err *err)
{
	return load_as("reload", ctx, err);
}

static int unload(const struct context *ctx, const struct facts *facts, struct err *err)
{
	char boot_id[ARMED_BOOT_ID_MAX];
	int rc = state_remove(ctx->root, err);

	if (rc)
		return rc;
	// No segments at all take away what is there, too.
	if (ctx->kexec(-1, -1, 0, NULL, KEXECFILE_UNLOAD | KEXECFILE_ON_CRASH) < 0 &&
	    (errno != ENOSYS ||
	     ctx->kexec_load(0, 0, NULL, KEXECLOAD_ON_CRASH | KEXECLOAD_X86_64) < 0))
		return kexecfile_explain(errno, facts, &(struct kexecfile_request){0}, err);
	if (armed_boot_id(ctx->root, boot_id, NULL))
		return 0;
	return armed_remove(ctx->root, boot_id, err);
}

int command_unload(const struct context *ctx, struct err *err)
{
	struct facts facts;
	int rc = facts_gather(&facts, ctx->root, err);

	if (rc)
		return rc;
	if (!facts.may_load)
		return kexecfile_explain(EPERM, &facts, &(struct kexecfile_request){0}, err);
	rc = unload(ctx, &facts, err);
	if (rc)
		return rc;
	fprintf(ctx->out, "unloaded\n");
	return 0;
}
