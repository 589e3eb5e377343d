// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The checks of the targets, a line for each: room, keys, and whether another machine answers. And
 * whether what the configuration says of repeated crashes and older dumps means any of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/dumpsize.h"
#include "loader/places.h"
#include "loader/reach.h"
#include "loader/sshtry.h"
#include "loader/tool.h"
#include "loader/trust.h"
#include "vmcore/ssh.h"

#define PROPAGATE "run `lifeboat propagate`, then lifeboat-mkinitrd and `lifeboat reload`"
#define ASK	  "run `lifeboat status --network`"

enum {
	/* No dump was seen to be packed better; and so good that more is to be expected. */
	PACKED_BEST = 8,
	PACKED_WELL = 2,
	TOOL_TEXT_MAX = 16 << 10,
};

/* What all targets are held against. */
struct load_of {
	struct checkup *c;
	struct places places;
	uint64_t kept; /* bytes of pages in a dump of now */
	struct err kept_err;
	struct reaches reaches;
};

/* Room for a dump: @room bytes at @where. */
static void judge_room(struct load_of *l, const char *where, uint64_t room)
{
	struct checkup *c = l->c;
	uint64_t reserve = c->plan->config.min_free;

	room = room > reserve ? room - reserve : 0;
	if (l->kept_err.code)
		check_warn(c, NULL, "%s has %llu MiB free; how much a dump needs is not known: %s",
			   where, facts_mib(room), l->kept_err.msg);
	else if (room < l->kept / PACKED_BEST)
		check_fail(
			c, "make room, or name another target",
			"%s has %llu MiB free, and a dump has %llu MiB before it is packed: too little",
			where, facts_mib(room), facts_mib(l->kept));
	else if (room < l->kept / PACKED_WELL)
		check_warn(
			c, "make room, or name another target",
			"%s has %llu MiB free, and a dump has %llu MiB before it is packed: that may be "
			"too little",
			where, facts_mib(room), facts_mib(l->kept));
	else
		check_ok(c, "%s has %llu MiB free, and a dump has %llu MiB before it is packed",
			 where, facts_mib(room), facts_mib(l->kept));
}

/* The directory, or the one that it will be made in. */
static int stat_fs(const char *dir, struct statvfs *fs)
{
	char path[FACTS_PATH_MAX];

	snprintf(path, sizeof(path), "%s", dir);
	while (statvfs(path, fs)) {
		char *slash = strrchr(path, '/');

		if (errno != ENOENT || !slash)
			return -1;
		if (slash == path)
			return statvfs("/", fs);
		*slash = '\0';
	}
	return 0;
}

static void check_dir(struct load_of *l, const struct place *p)
{
	struct statvfs fs;

	if (stat_fs(p->dir, &fs))
		check_fail(l->c, NULL, "%s: %s", p->name, strerror(errno));
	else if (fs.f_flag & ST_RDONLY && !p->mounted)
		check_fail(l->c, "mount it so that it can be written to", "%s is mounted read-only",
			   p->name);
	else
		judge_room(l, p->name, (uint64_t)fs.f_bavail * fs.f_frsize);
}

static void check_raw(struct load_of *l, const struct place *p)
{
	CLEANUP_CLOSE int fd = open(p->device, O_RDONLY | O_CLOEXEC);
	uint64_t size = 0;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size))
		check_fail(l->c, NULL, "%s: %s", p->name, strerror(errno));
	else
		judge_room(l, p->name, size);
}

/* ---- other machines ---- */

/* The key is there, for root alone, and can be used without a question. */
static int check_key(const struct checkup *c, const struct ssh_conf *ssh, struct err *err)
{
	char path[FACTS_PATH_MAX], out[TOOL_TEXT_MAX];
	const char *argv[] = {"ssh-keygen", "-y", "-P", "", "-f", path, NULL};
	int code = 0;
	int rc = trust_secret(c->ctx->root, ssh->key, err);

	if (!rc)
		rc = facts_path(path, sizeof(path), c->ctx->root, ssh->key, err);
	if (!rc)
		rc = tool_run(argv, NULL, out, sizeof(out), &code, err);
	if (!rc && code)
		rc = err_set(err, ERR_USAGE, "%s: is no private key without a passphrase",
			     ssh->key);
	return rc;
}

static int check_hostkey(const struct checkup *c, const struct ssh_conf *ssh, struct err *err)
{
	char path[FACTS_PATH_MAX], name[SSH_NAME_MAX], out[TOOL_TEXT_MAX];
	const char *argv[] = {"ssh-keygen", "-F", name, "-f", path, NULL};
	int code = 0;
	int rc = trust_file(c->ctx->root, ssh->hostkeys, err);

	if (!rc)
		rc = facts_path(path, sizeof(path), c->ctx->root, ssh->hostkeys, err);
	ssh_known_name(&ssh->dest, name);
	if (!rc)
		rc = tool_run(argv, NULL, out, sizeof(out), &code, err);
	if (!rc && code)
		rc = err_set(err, ERR_NOTFOUND, "%s: has no host key of %s", ssh->hostkeys, name);
	return rc;
}

/* What the last try said, or the one that is made now. */
static void check_reach(struct load_of *l, const struct config_target *t, const char *name)
{
	char date[CHECK_DATE_LEN], key[REACH_NAME_MAX];
	struct checkup *c = l->c;
	struct reach *r;

	reach_name(&c->plan->config, t, key);
	r = reach_find(&l->reaches, key);
	if (c->network) {
		if (!r)
			r = reach_add(&l->reaches, key);
		r->time = c->now;
		reach_try(r, c->ctx->root, &c->plan->config, t);
	}
	if (!r)
		check_warn(c, ASK, "%s: whether it answers was never tried", name);
	else if (!r->ok)
		check_fail(c, t->kind == CONFIG_TARGET_SSH ? "mend that, or " PROPAGATE : NULL,
			   "%s, at %s: %s", name, check_date(r->time, date), r->reason);
	else if (r->time > c->now || c->now - r->time > REACH_FRESH_S)
		check_warn(c, ASK, "%s: the last answer is too old: of %s", name,
			   check_date(r->time, date));
	else if (reach_port_only(t) && !check_rehearsed(c))
		check_warn(c, "run `lifeboat rehearse`, which writes to it",
			   "%s, at %s: %s; only the port was tried", name,
			   check_date(r->time, date), r->reason);
	else
		check_ok(c, "%s, at %s: %s%s", name, check_date(r->time, date), r->reason,
			 reach_port_only(t) ? "; the last rehearsal wrote to it" : "");
}

static void check_remote(struct load_of *l, const struct config_target *t, const char *name)
{
	struct ssh_conf ssh = {.connect_s = 0};
	struct err why = {0};

	if (t->kind == CONFIG_TARGET_SSH &&
	    (sshtry_fill(&ssh, &l->c->plan->config, t, &why) || check_key(l->c, &ssh, &why) ||
	     check_hostkey(l->c, &ssh, &why)))
		check_fail(l->c, PROPAGATE, "%s: %s", name, why.msg);
	else
		check_reach(l, t, name);
}

static void check_one(struct load_of *l, size_t i, const char *name)
{
	const struct config *conf = &l->c->plan->config;
	const struct place *p = &l->places.rows[i];
	// Behind the last is the root file system of dump_to_rootfs.
	const struct config_target *t = i < conf->ntargets ? &conf->targets[i] : NULL;

	if (p->trouble[0])
		check_fail(l->c, NULL, "%s: %s", p->name, p->trouble);
	else if (t && (t->kind == CONFIG_TARGET_SSH || t->kind == CONFIG_TARGET_NFS))
		check_remote(l, t, name);
	else if (p->device[0])
		check_raw(l, p);
	else if (p->dir[0])
		check_dir(l, p);
	else
		check_fail(l->c, NULL, "%s: is not to be seen from here", p->name);
}

/* As armed_set_targets() calls them, and receipts do. */
static void name_targets(const struct config *conf, struct armed *a)
{
	*a = (struct armed){.time = 0};
	armed_set_targets(a, conf);
}

void check_targets(struct checkup *c)
{
	CLEANUP_FREE struct load_of *l = calloc(1, sizeof(*l));
	CLEANUP_FREE struct armed *a = calloc(1, sizeof(*a));
	const struct config *conf = &c->plan->config;
	char check[32];
	struct err why = {0};

	if (c->config_err.code || !l || !a) {
		check_fail(c, NULL, "%s", c->config_err.code ? c->config_err.msg : "no memory");
		return;
	}
	l->c = c;
	name_targets(conf, a);
	dumpsize_kept(c->ctx->root, conf->collect.levels[0], &l->kept, &l->kept_err);
	reach_load(&l->reaches, c->ctx->root);
	places_find(&l->places, c->ctx->root, conf);
	for (size_t i = 0; i < l->places.n; i++) {
		snprintf(check, sizeof(check), "target %zu", i + 1);
		c->check = check;
		check_one(l, i, i < a->ntargets ? a->targets[i] : l->places.rows[i].name);
	}
	places_release(&l->places);
	if (c->network && reach_store(&l->reaches, c->ctx->root, &why))
		fprintf(c->ctx->diag, "lifeboat: status: note: that cannot be kept: %s\n", why.msg);
}

/* A directory of crashes that the capture kernel can look into: collector/upkeep.h. */
static bool keeps_history(const struct config_target *t)
{
	return t->kind != CONFIG_TARGET_SSH && t->kind != CONFIG_TARGET_RAW;
}

void check_upkeep(struct checkup *c)
{
	const struct config *conf = &c->plan->config;
	bool removes = conf->keep_dumps || conf->keep_bytes || conf->keep_days;

	if (c->config_err.code) {
		check_fail(c, NULL, "%s", c->config_err.msg);
		return;
	}
	for (size_t i = 0; i < conf->ntargets; i++) {
		if (!keeps_history(&conf->targets[i]))
			continue;
		check_ok(c, "repeated crashes and older dumps can be seen on a target");
		return;
	}
	if (removes)
		check_warn(c, "remove them where the dumps go: `lifeboat-receive --keep`, or a job",
			   "keep_dumps, keep_bytes and keep_days do nothing: older dumps cannot be "
			   "seen on ssh and raw");
	else if (conf->crash_loop_count)
		check_ok(c, "crash_loop does nothing: ssh and raw keep no history of crashes");
	else
		check_ok(c, "nothing is asked for");
}
