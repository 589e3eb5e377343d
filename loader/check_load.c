// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks of what is loaded: that something is, and that it is what is wanted. */
#include <string.h>

#include "base/cleanup.h"
#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/initrd.h"
#include "loader/sources.h"
#include "vmcore/ssh.h"

#define RELOAD	"run `lifeboat reload`"
#define REBUILD "run lifeboat-mkinitrd, then `lifeboat reload`"

/* A part of the machine that could not be read, and what depends on it. */
static bool unread(struct checkup *c, const struct err *why, const char *remedy)
{
	if (!why->code)
		return false;
	check_fail(c, remedy, "%s", why->msg);
	return true;
}

void check_reserved(struct checkup *c)
{
	const struct facts *f = &c->plan->facts;
	uint64_t need = c->plan->kernel.memory + c->plan->initrd.memory;
	struct err why = {0};

	if (unread(c, &c->facts_err, NULL))
		return;
	if (facts_check_reservation(f, need, &why))
		check_fail(
			c,
			"add crashkernel= to the command line of the kernel, or make it larger, and reboot",
			"%s", why.msg);
	else if (!c->initrd_err.code)
		check_ok(c, "%llu MiB, of which kernel and initrd take %llu",
			 facts_mib(f->crash_size), facts_mib(need));
	else
		check_ok(c, "%llu MiB", facts_mib(f->crash_size));
}

void check_loaded(struct checkup *c)
{
	int loaded = c->plan->facts.crash_loaded;

	if (unread(c, &c->facts_err, NULL))
		return;
	if (loaded == 1)
		check_ok(c, "a capture kernel is in place");
	else if (loaded == 0)
		check_fail(c, "run `lifeboat load`",
			   "no capture kernel is in place: a crash leaves nothing");
	else
		check_fail(c, "boot a kernel with CONFIG_CRASH_DUMP",
			   "the running kernel does not tell whether one is in place");
}

void check_record(struct checkup *c)
{
	const struct state *s = &c->state;
	char date[CHECK_DATE_LEN];

	if (unread(c, &c->state_err, RELOAD))
		return;
	if (c->plan->facts.crash_loaded != 1)
		check_fail(c, "run `lifeboat load`", "what was loaded at %s is gone",
			   check_date(s->time, date));
	else
		check_ok(c, "loaded at %s with %s; %s", check_date(s->time, date), s->call,
			 s->cpus);
}

void check_config(struct checkup *c)
{
	const struct image *now = &c->plan->config_file;
	const struct state_file *then = &c->state.config;

	if (unread(c, &c->config_err, "mend it, then run lifeboat-mkinitrd and `lifeboat reload`"))
		return;
	if (c->state_err.code)
		check_fail(c, RELOAD, "%s can be used; whether what is loaded has it is not known",
			   now->path[0] ? now->path : "no file: the defaults");
	else if (strcmp(now->path, then->path) != 0)
		check_fail(c, REBUILD, "%s counts now, %s did when it was loaded",
			   now->path[0] ? now->path : "no file",
			   then->path[0] ? then->path : "no file");
	else if (strcmp(now->digest, then->digest) != 0)
		check_fail(c, REBUILD, "%s has changed since the load", now->path);
	else if (now->path[0])
		check_ok(c, "%s, as it was at the load", now->path);
	else
		check_ok(c, "there is no %s: the defaults", c->ctx->config);
}

/* True when @now is what was loaded; else it was told. */
static bool same_file(struct checkup *c, const struct image *now, const struct state_file *then,
		      const struct err *why)
{
	if (unread(c, why, "mend that, then run `lifeboat reload`"))
		return false;
	if (c->state_err.code)
		check_fail(c, RELOAD, "%s is to be loaded; whether it was is not known", now->path);
	else if (strcmp(now->path, then->path) != 0)
		check_fail(c, RELOAD, "%s is to be loaded, %s was", now->path,
			   then->path[0] ? then->path : "none");
	else if (now->size != then->size || strcmp(now->digest, then->digest) != 0)
		check_fail(c, RELOAD, "%s has changed since the load", now->path);
	else
		return true;
	return false;
}

void check_kernel(struct checkup *c)
{
	const struct image *now = &c->plan->kernel;

	if (!same_file(c, now, &c->state.kernel, &c->kernel_err))
		return;
	check_ok(c, "%s%s%s, as it was at the load", now->path, now->release[0] ? ", Linux " : "",
		 now->release);
}

/* What is copied into the initrd when it is built must not be younger than it. */
static bool is_older(struct checkup *c, const struct image *initrd, const char *path)
{
	struct image file;
	int fd = -1;

	if (image_open(&file, c->ctx->root, path, &fd, NULL))
		return false;
	cleanup_close_(&fd);
	if (file.written <= initrd->written)
		return false;
	check_fail(c, REBUILD, "%s was built before %s was changed, which it has a copy of",
		   initrd->path, path);
	return true;
}

/* Of an initrd that does not tell what it was made of, times have to do. */
static bool is_outdated(struct checkup *c, const struct image *now)
{
	const struct config *conf = &c->plan->config;

	// One that the user names may be made by other means.
	if (conf->initrd[0])
		return false;
	if (is_older(c, now, c->ctx->config))
		return true;
	for (size_t i = 0; i < conf->ntargets; i++) {
		const char *key = conf->targets[i].sshkey;
		const char *hosts = conf->ssh_hostkeys;

		if (conf->targets[i].kind == CONFIG_TARGET_SSH &&
		    (is_older(c, now, key[0] ? key : SSH_KEY_DEFAULT) ||
		     is_older(c, now, hosts[0] ? hosts : SSH_HOSTKEYS_DEFAULT)))
			return true;
	}
	return false;
}

void check_initrd(struct checkup *c)
{
	const struct image *now = &c->plan->initrd;
	enum sources_answer answer = SOURCES_UNTOLD;
	char text[SOURCES_TEXT_MAX] = "";
	const struct initrd *r;

	if (!same_file(c, now, &c->state.initrd, &c->initrd_err))
		return;
	r = checkup_contents(c);
	if (r)
		answer = sources_check(r, c->ctx->root, c->ctx->config, text);
	if (!r)
		check_warn(c, NULL, "what is in it cannot be looked at: %s", c->contents_err.msg);
	else if (answer == SOURCES_DIFFER)
		check_fail(c, REBUILD, "%s: %s", now->path, text);
	else if (answer == SOURCES_SAME)
		check_ok(c, "%s, as it was at the load, built of the files of now", now->path);
	else if (!is_outdated(c, now))
		check_ok(c, "%s, as it was at the load", now->path);
}

void check_cmdline(struct checkup *c)
{
	if (unread(c, &c->cmdline_err, "mend that, then run `lifeboat reload`"))
		return;
	if (c->state_err.code)
		check_fail(c, RELOAD, "with which one it was loaded is not known");
	else if (strcmp(c->plan->cmdline, c->state.cmdline) != 0)
		check_fail(c, RELOAD, "it would be another one now: %s", c->plan->cmdline);
	else
		check_ok(c, "%s", c->state.cmdline);
}
