// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat load, unload: puts the capture kernel in place, or takes it away. */
#include "loader/load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/crashmem.h"
#include "loader/armed.h"
#include "loader/command.h"
#include "loader/hold.h"
#include "loader/iomem.h"
#include "loader/kernel.h"
#include "loader/loadplan.h"
#include "loader/machine.h"
#include "loader/sizing.h"
#include "loader/state.h"
#include "loader/turn.h"
#include "vmcore/vmcore.h"

/* A load under way. */
struct load {
	const struct context *ctx;
	const char *who; /* the command, for notes */
	struct loadplan *plan;
	struct kexecload segments;
	struct state state;
	struct armed armed; /* the mark of this boot; no boot_id: the kernel has none */
	struct sizing sizing; /* what it needs; bytes 0: that could not be told */
};

static void note(const struct load *l, const char *what, const struct err *why)
{
	fprintf(l->ctx->diag, "lifeboat: %s: note: %s: %s\n", l->who, what, why->msg);
}

static void record_file(struct state_file *f, const struct image *img)
{
	memcpy(f->path, img->path, sizeof(f->path));
	f->size = img->size;
	memcpy(f->digest, img->digest, sizeof(f->digest));
}

/* Where the kernel's loader has put boot_params, so that status need not look for it. */
static uint64_t find_params(const struct load *l)
{
	CLEANUP_FREE struct crashmem *m = malloc(sizeof(*m));
	struct crashmem_want want = {.cmdline = l->plan->cmdline,
				     .initrd_size = l->plan->initrd.size};
	const char *root = l->ctx->root;
	struct vmcore *kcore = NULL;
	struct iomem iomem = {0};
	uint64_t params = 0;

	if (m && !crashmem_open(root, &kcore, NULL) && !iomem_read(&iomem, root, NULL) &&
	    !crashmem_find(m, kcore, &iomem, &want, NULL))
		params = m->params;
	iomem_free(&iomem);
	if (kcore)
		vmcore_close(kcore);
	return params;
}

/* The load succeeded: a record that can't be kept is worth a note, not a failure. */
static void record(struct load *l)
{
	const struct loadplan *p = l->plan;
	struct state *s = &l->state;
	struct err why = {0};

	s->time = time(NULL);
	record_file(&s->kernel, &p->kernel);
	record_file(&s->initrd, &p->initrd);
	record_file(&s->config, &p->config_file);
	memcpy(s->release, p->kernel.release, sizeof(s->release));
	memcpy(s->cmdline, p->cmdline, sizeof(s->cmdline));
	snprintf(s->cpus, sizeof(s->cpus), "%s", p->cpus.why);
	s->params = l->segments.params ? l->segments.params : find_params(l);
	if (state_write(s, l->ctx->root, &why))
		note(l, "status will know nothing of this load", &why);
}

static bool locked_down(const struct facts *f)
{
	return f->lockdown[0] && strcmp(f->lockdown, "none") != 0;
}

/* kexec_load(2): whatever is wrong is found before the call. */
static int call_segments(struct load *l, const char *why, const struct kexecfile_request *files,
			 struct err *err)
{
	const struct loadplan *p = l->plan;
	struct kexecload_request req = {.kernel_fd = p->kernel_fd,
					.initrd_fd = p->initrd_fd,
					.kernel_path = p->kernel.path,
					.initrd_path = p->initrd.path,
					.cmdline = p->cmdline,
					.running_cmdline = p->running,
					.five_levels = p->facts.five_levels};
	struct kexecload *s = &l->segments;
	int rc = kexecload_prepare(s, l->ctx->root, &req, err);

	if (rc)
		return rc;
	if (kexecload_run(s, l->ctx->kexec_load))
		return kexecload_explain(errno, &p->facts, files, err);
	snprintf(
		l->state.call, sizeof(l->state.call),
		"kexec_load, %s: %zu segments, %zu notes of CPUs, %zu ranges of memory; damage %s%s",
		why, s->segments.n, s->notes, s->ranges,
		s->serial ? "is told on the serial console" : "resets the machine",
		s->hotplug ? "; the kernel follows changes of CPUs and memory" : "");
	return 0;
}

static int call_file(struct load *l, const char *why)
{
	const struct loadplan *p = l->plan;

	if (l->ctx->kexec(p->kernel_fd, p->initrd_fd, strlen(p->cmdline) + 1, p->cmdline,
			  KEXECFILE_ON_CRASH) < 0)
		return errno;
	snprintf(l->state.call, sizeof(l->state.call), "kexec_file_load, %s", why);
	return 0;
}

/* False only where it is sure to refuse: on x86_64, whose kinds of kernels are known. */
static bool file_loadable(const struct loadplan *p)
{
	uint8_t head[KERNEL_HEAD_SIZE];
	ssize_t n;

	if (strcmp(p->facts.machine, "x86_64") != 0)
		return true;
	n = io_pread(p->kernel_fd, head, sizeof(head), 0, NULL);
	return n < 0 || kernel_file_loadable(head, n, p->facts.five_levels);
}

/*
 * By itself the kernel's own loader: it takes signed kernels under lockdown, and keeps what it
 * loaded up to date. Ours where there is none, or where the kernel is of a kind it does not know:
 * asked for such a one it would drop what is loaded before it refuses, and ours may refuse, too.
 */
static int choose_call(struct load *l, const struct kexecfile_request *files, struct err *err)
{
	static const char unknown[] = "kexec_file_load does not know such a kernel";
	const struct loadplan *p = l->plan;
	enum config_call with = p->config.load_with;
	bool may_choose = with == CONFIG_CALL_AUTO && !locked_down(&p->facts);
	struct err why = {0};
	int sys;

	if (with == CONFIG_CALL_SEGMENTS)
		return call_segments(l, "as configured", files, err);
	if (may_choose && !file_loadable(p))
		return call_segments(l, unknown, files, err);
	sys = call_file(l,
			with == CONFIG_CALL_FILE ? "as configured" : "the running kernel has it");
	if (!sys)
		return 0;
	if (may_choose && sys == ENOSYS)
		return call_segments(l, "there is no kexec_file_load", files, err);
	if (may_choose && sys == ENOEXEC && !call_segments(l, unknown, files, &why))
		return 0;
	sys = kexecfile_explain(sys, &p->facts, files, err);
	if (why.code)
		err_prepend(err, "kexec_load: %s; kexec_file_load", why.msg);
	return sys;
}

/*
 * The mark that this boot has not ended in order, as long as nobody says that it has: for the
 * receipts of the next one, and a note when it can't be made.
 */
static void mark(struct load *l)
{
	const struct loadplan *p = l->plan;
	struct armed *a = &l->armed;
	struct err why = {0};

	if (!p->boot_id[0])
		return;
	memcpy(a->boot_id, p->boot_id, sizeof(a->boot_id));
	a->time = time(NULL);
	memcpy(a->release, p->facts.release, sizeof(a->release));
	memcpy(a->kernel, p->kernel.path, sizeof(a->kernel));
	memcpy(a->initrd, p->initrd.path, sizeof(a->initrd));
	memcpy(a->cmdline, p->cmdline, sizeof(a->cmdline));
	identity_of(&a->identity, p);
	a->reserved = p->facts.crash_size;
	a->needs = l->sizing.bytes;
	armed_set_targets(a, &p->config);
	if (armed_write(a, l->ctx->root, &why))
		note(l, "should this boot end in a crash, receipts may not know", &why);
}

/* Opens the images that @old recorded into @p: only those very ones are known to work. */
static int open_recorded(struct loadplan *p, const char *root, const struct state *old,
			 struct err *err)
{
	int rc = image_open_kernel(&p->kernel, root, old->kernel.path, old->release, &p->kernel_fd,
				   err);

	if (!rc)
		rc = image_open_initrd(&p->initrd, root, old->initrd.path, old->release,
				       &p->initrd_fd, err);
	if (rc)
		return rc;
	if (strcmp(p->kernel.digest, old->kernel.digest) != 0 ||
	    strcmp(p->initrd.digest, old->initrd.digest) != 0)
		return err_set(err, ERR_NOTFOUND,
			       "the files that were loaded before have changed since");
	return 0;
}

static int call_recorded(const struct load *l, struct loadplan *p, struct state *old,
			 struct err *err)
{
	struct load again = {.ctx = l->ctx, .who = l->who, .plan = p};
	struct kexecfile_request req = {
		.kernel = &p->kernel,
		.initrd = &p->initrd,
		.cmdline_len = strlen(p->cmdline),
	};
	struct err why = {0};
	int rc = choose_call(&again, &req, err);

	if (!rc) {
		memcpy(old->call, again.state.call, sizeof(old->call));
		old->machine = l->state.machine;
		old->params = again.segments.params ? again.segments.params : find_params(&again);
		if (state_write(old, l->ctx->root, &why))
			note(l, "status will know nothing of this load", &why);
	}
	kexecload_deinit(&again.segments);
	return rc;
}

/* The kernel dropped what worked for what it does not take: what worked is loaded once more. */
static int load_recorded(struct load *l, struct state *old, struct err *err)
{
	struct loadplan *p = loadplan_create();
	int rc;

	if (!p)
		return err_set(err, ERR_NOMEM, "no memory to load");
	p->facts = l->plan->facts;
	memcpy(p->cmdline, old->cmdline, sizeof(p->cmdline));
	p->config.load_with = strncmp(old->call, "kexec_load,", 11) == 0 ? CONFIG_CALL_SEGMENTS
									 : CONFIG_CALL_FILE;
	p->running = strdup(l->plan->running);
	rc = p->running ? open_recorded(p, l->ctx->root, old, err)
			: err_set(err, ERR_NOMEM, "no memory to load");
	if (!rc)
		rc = call_recorded(l, p, old, err);
	loadplan_destroy(p);
	return rc;
}

/*
 * A refused load that left nothing loaded: a mark would have a later crash counted as one that
 * should have been captured.
 */
static void disarmed(struct load *l, struct state *old, struct err *err)
{
	const char *boot_id = l->plan->boot_id;
	struct err why = {0};

	if (old && !load_recorded(l, old, &why)) {
		fprintf(l->ctx->diag,
			"lifeboat: %s: note: what was loaded before is loaded again\n", l->who);
		return;
	}
	if (old)
		note(l, "what was loaded before can't be loaded again", &why);
	if (boot_id[0])
		armed_remove(l->ctx->root, boot_id, NULL);
	err_prepend(err, "this machine is NOT armed: nothing is loaded");
}

/* The call. An older image is dropped by the kernel itself before it takes the new one. */
static int call(struct load *l, struct err *err)
{
	struct loadplan *p = l->plan;
	struct kexecfile_request req = {
		.kernel = &p->kernel,
		.initrd = &p->initrd,
		.cmdline_len = strlen(p->cmdline),
	};
	CLEANUP_FREE struct state *old = malloc(sizeof(*old));
	const char *root = l->ctx->root;
	bool recorded = old && state_read(old, root, NULL) == 0;
	bool was_loaded = p->facts.crash_loaded == 1;
	int rc;

	// As of before: a change that comes while it is loaded must be seen as one.
	machine_tell(&l->state.machine, root, NULL);
	rc = state_remove(root, err);
	if (!rc)
		rc = choose_call(l, &req, err);
	facts_refresh_loaded(&p->facts, root);
	// Refused at the door: then the older one, and its record, hold on.
	if (rc && recorded && p->facts.crash_loaded == 1)
		state_write(old, root, NULL);
	if (rc && p->facts.crash_loaded == 0)
		disarmed(l, recorded && was_loaded ? old : NULL, err);
	if (rc)
		return rc;
	if (p->facts.crash_loaded == 0)
		return err_set(err, ERR_CORRUPT,
			       "the kernel took the image and says that none is loaded; another "
			       "program may have unloaded it; try again");
	return 0;
}

/*
 * Whether what is reserved suffices: better known now. An initrd that is not understood is no
 * reason not to load it.
 */
static void check_size(struct load *l)
{
	const struct loadplan *p = l->plan;

	if (sizing_gather_here(&l->sizing, l->ctx->root, &p->config, NULL))
		l->sizing.bytes = 0;
	if ((int64_t)l->sizing.bytes <= p->facts.crash_size)
		return;
	fprintf(l->ctx->diag,
		"lifeboat: %s: warning: %llu MiB are reserved, and the capture kernel is to need "
		"%llu MiB: it may run out of memory; `lifeboat estimate` says why, `lifeboat "
		"reset-crashkernel` helps\n",
		l->who, facts_mib(p->facts.crash_size), facts_mib(l->sizing.bytes));
}

/* lock_after_load: what is loaded stays as it is until the next boot, whoever becomes root. */
static int lock(const struct load *l, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), l->ctx->root, LOAD_DISABLED_FILE, err);

	if (rc)
		return rc;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "lock_after_load: " LOAD_DISABLED_FILE);
	rc = io_write(fd, "1\n", 2, err);
	if (rc)
		err_prepend(err, "lock_after_load: " LOAD_DISABLED_FILE);
	return rc;
}

static void tell(const struct load *l)
{
	const struct loadplan *p = l->plan;

	fprintf(l->ctx->out, "loaded %s and %s (%llu MiB of the %llu MiB reserved)\n",
		p->kernel.path, p->initrd.path, facts_mib(p->kernel.memory + p->initrd.memory),
		facts_mib(p->facts.crash_size));
	fprintf(l->ctx->out, "%s\n", p->cpus.why);
	fprintf(l->ctx->out, "with %s\n", l->state.call);
}

int load_carry_out(const struct context *ctx, const char *who, struct loadplan *plan,
		   struct err *err)
{
	CLEANUP_FREE struct load *l = calloc(1, sizeof(*l));
	sigset_t before;
	int rc;

	if (!l)
		return err_set(err, ERR_NOMEM, "no memory to load");
	*l = (struct load){.ctx = ctx, .who = who, .plan = plan};
	// The kernel may drop what is loaded before it refuses; and what is loaded is to be known.
	hold_begin(&before);
	rc = call(l, err);
	if (!rc) {
		record(l);
		mark(l);
		tell(l);
	}
	if (!rc && plan->config.lock_after_load) {
		rc = lock(l, err);
		if (!rc)
			fprintf(ctx->out,
				"locked: nothing else can be loaded until the next boot\n");
	}
	hold_end(&before);
	// Looks at much that may be slow, or hang: after all that must be.
	if (l->state.time) {
		check_size(l);
		if (l->sizing.bytes)
			mark(l);
	}
	kexecload_deinit(&l->segments);
	return rc;
}

int load_anew(const struct context *ctx, const char *who, struct err *err)
{
	struct loadplan *plan = loadplan_create();
	int rc;

	if (!plan)
		return err_set(err, ERR_NOMEM, "no memory to load");
	// A mistake in a new configuration must not disarm what the old one armed.
	rc = loadplan_make(plan, ctx, who, err);
	if (!rc)
		rc = load_carry_out(ctx, who, plan, err);
	loadplan_destroy(plan);
	return rc;
}

/* *@ret_fd is to be closed; it stays as it is where no turns can be taken: no reason to stop. */
static int take_turn(const struct context *ctx, const char *who, int *ret_fd, struct err *err)
{
	struct err why = {0};
	int rc = turn_take(ctx->root, LOAD_TURN, LOAD_TURN_MS, ret_fd, &why);

	if (!rc)
		return err_set(err, ERR_LIMIT, "another load has been at work for %d seconds",
			       LOAD_TURN_MS / 1000);
	if (rc < 0)
		fprintf(ctx->diag, "lifeboat: %s: note: %s\n", who, why.msg);
	return 0;
}

int load_in_turn(const struct context *ctx, const char *who, struct err *err)
{
	CLEANUP_CLOSE int work = -1;
	int rc = take_turn(ctx, who, &work, err);

	return rc ? rc : load_anew(ctx, who, err);
}

int command_load(const struct context *ctx, struct err *err)
{
	return load_in_turn(ctx, "load", err);
}

static int unload(const struct context *ctx, const struct facts *facts, struct err *err)
{
	char boot_id[ARMED_BOOT_ID_MAX];
	int rc;

	// No segments at all take away what is there, too.
	if (ctx->kexec(-1, -1, 0, NULL, KEXECFILE_UNLOAD | KEXECFILE_ON_CRASH) < 0 &&
	    (errno != ENOSYS ||
	     ctx->kexec_load(0, 0, NULL, KEXECLOAD_ON_CRASH | KEXECLOAD_X86_64) < 0))
		return kexecfile_explain(errno, facts, &(struct kexecfile_request){0}, err);
	// Only now: what could not be unloaded is still known.
	rc = state_remove(ctx->root, err);
	if (rc || armed_boot_id(ctx->root, boot_id, NULL))
		return rc;
	return armed_remove(ctx->root, boot_id, err);
}

int unload_now(const struct context *ctx, struct err *err)
{
	struct facts facts;
	int rc = facts_gather(&facts, ctx->root, err);

	if (rc)
		return rc;
	rc = loadplan_door(&facts, err);
	if (rc)
		return rc;
	rc = unload(ctx, &facts, err);
	if (rc)
		return rc;
	fprintf(ctx->out, "unloaded\n");
	return 0;
}

int command_unload(const struct context *ctx, struct err *err)
{
	CLEANUP_CLOSE int work = -1;
	sigset_t before;
	// A load at work would write its mark behind this.
	int rc = take_turn(ctx, "unload", &work, err);

	if (rc)
		return rc;
	// A mark that stays would have a later crash counted as one that should have been captured.
	hold_begin(&before);
	rc = unload_now(ctx, err);
	hold_end(&before);
	return rc;
}
