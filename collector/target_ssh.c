// SPDX-License-Identifier: GPL-2.0-or-later
/* A directory of another machine with an sshd and a POSIX shell, and nothing of ours. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/digest.h"
#include "collector/log.h"
#include "collector/shell.h"
#include "collector/sink.h"
#include "collector/sink_ssh.h"
#include "collector/target.h"
#include "vmcore/config.h"

enum {
	/* Parts of the patience for the dump: with its log the next target may do better. */
	OPEN_SHARE = 12,
	SMALL_SHARE = 2,
	SUM_SIZE = 64 << 10,
	CHECK_MAX = 32 + DIGEST_TEXT_MAX,
};

struct target_ssh {
	struct shell shell;
	char dir[SSH_PATH_MAX]; /* of this crash, as it is called over there */
};

/* What a power cut over there has left in our own crash directories: no session has it open. */
#define REMOVE_LEFTOVERS                                            \
	"h=${SSH_CONNECTION%% *}; "                                 \
	"for q in \"./$h\"-*-*-*-*:*:*/*.part.*; do "               \
	"if [ \"${q##*.}\" -gt 0 ] 2> /dev/null; then "             \
	"kill -0 ${q##*.} 2> /dev/null || rm -f \"$q\"; fi; done; " \
	"rm -f \"./$h\"-*-*-*-*:*:*/*.room; "

/*
 * Makes the path, tries that it can be written to, and tells how files are synced there, what
 * can sum up bytes, and by which address it knows us. A `sync FILE` that fails must not end in
 * one that cannot say so; hence it is decided here, on a file that has nothing to lose.
 */
static const char hello_script[] =
	"mkdir -p \"$1\" && cd \"$1\" || exit 1; p=./.$N; echo > \"$p\" || exit 1; s=all; "
	"if dd if=/dev/null of=\"$p\" conv=notrunc,fsync 2> /dev/null; then s=dd; fi; "
	"if sync \"$p\" 2> /dev/null && sync --version > /dev/null 2>&1; then s=file; fi; "
	"rm -f \"$p\" || exit 1; d=none; "
	"if echo | cksum > /dev/null 2>&1; then d=cksum; "
	"elif echo | sha256sum > /dev/null 2>&1; then d=sha256; fi; " REMOVE_LEFTOVERS
	"ok $s $d ${SSH_CONNECTION%% *}";

/* 0: made. The directory above is synced too, or the new name may be lost. */
static const char mkdir_script[] =
	"cd \"$1\" || exit 1; if [ -e \"./$2\" ]; then ok taken; exit 0; fi; "
	"mkdir \"./$2\" || exit 1; ds . || exit 1; ok made";

static const char use_script[] = "cd \"$1/$2\" || exit 1; p=./.$N; "
				 "{ echo > \"$p\"; } && rm -f \"$p\" || exit 1; ok there";

/*
 * $3: length and digest. It has its name only when it is whole and durable; until then one of this
 * session alone, which another that still lives after its connection cannot remove.
 */
static const char small_script[] =
	"cd \"$1\" || exit 1; p=./$2.part.$$; cat > \"$p\" || { rm -f \"$p\"; exit 1; }; "
	"n=$(size \"$p\"); x=$(sum < \"$p\"); "
	"[ \"$n ${x%% *}\" = \"$3\" ] || { rm -f \"$p\"; "
	"echo \"$2 is $n ${x%% *} there, not $3\" >&2; exit 1; }; "
	"fs \"$p\" || exit 1; mv -f \"$p\" \"./$2\" || exit 1; ds . || exit 1; ok done";

static const char remove_script[] =
	"cd \"$1\" && rm -f \"./$2\" \"./$2.room\" \"./$2.part\".* && ok gone";

/* A reply is short: some of them, and the others when these are gone. */
static const char list_script[] =
	"cd \"$1\" || exit 1; r=; for q in ./\"$2\"*; do "
	"if [ -d \"$q\" ] && [ ! -h \"$q\" ] && [ ${#r} -lt 120 ]; then r=\"$r${q#./} \"; fi; "
	"done; ok \"$r\"";

static const char rmdir_script[] = "rmdir \"$1\" && ok gone";

/* Of a line of df -P: all, used, free, in KiB; a device's name may have blanks in it. */
static const char space_script[] =
	"df -Pk \"$1\" > /dev/null || exit 1; set -- $(df -Pk \"$1\" | tail -n 1); "
	"while [ $# -gt 6 ]; do shift; done; ok $2 $4";

static const char *path_of(const struct target *t)
{
	return t->conf->path;
}

static int greet(struct target *t, struct err *err)
{
	struct shell *sh = &((struct target_ssh *)t->state)->shell;
	struct shell_step step = {.what = "login", .script = hello_script, .words = {path_of(t)}};
	char reply[SHELL_REPLY_MAX], how[8], sum[8], host[TARGET_HOST_MAX] = "";
	int rc = shell_persist(sh, &step, sh->retry_s / OPEN_SHARE, reply, err);

	if (rc)
		return rc;
	_Static_assert(TARGET_HOST_MAX == 64, "of the format below");
	if (sscanf(reply, "%7s %7s %63[0-9a-zA-Z.:%-]", how, sum, host) < 2)
		return err_set(err, ERR_CORRUPT, "login: its answer is '%.64s'", reply);
	if (strcmp(sum, "none") == 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "it has neither cksum nor sha256sum to check a dump with");
	memcpy(sh->sync, how, sizeof(sh->sync));
	sh->digest = digest_choose(strcmp(sum, "cksum") == 0);
	memcpy(t->host, host, sizeof(t->host));
	return 0;
}

static int ssh_open(struct target *t, struct err *err)
{
	struct target_ssh *f = calloc(1, sizeof(*f));
	struct ssh_conf conf = {0};
	int rc;

	if (!f)
		return err_set(err, ERR_NOMEM, "no memory to begin with");
	rc = ssh_fill(&conf, t->conf->where, t->conf->sshkey, t->config->ssh_hostkeys, err);
	if (!rc) {
		shell_init(&f->shell, &conf, &t->end_ms, t->log);
		f->shell.watch = t->watch;
		f->shell.retry_s = t->config->network_timeout;
		if (t->config->stall_time)
			f->shell.stall_s = t->config->stall_time;
		t->state = f;
		rc = greet(t, err);
	}
	if (rc) {
		shell_deinit(&f->shell);
		t->state = NULL;
		free(f);
		return rc;
	}
	snprintf(t->base, sizeof(t->base), "%s:%s", t->conf->where, path_of(t));
	return 0;
}

/* What the crash directory @name is called here and there. */
static int set_dir(struct target *t, const char *name, struct err *err)
{
	struct target_ssh *f = t->state;

	if (snprintf(f->dir, sizeof(f->dir), "%s/%s", path_of(t), name) >= (int)sizeof(f->dir) ||
	    snprintf(t->dir, sizeof(t->dir), "%s/%s", t->base, name) >= (int)sizeof(t->dir)) {
		t->dir[0] = '\0';
		return err_set(err, ERR_LIMIT, "%s/%s: name too long", t->base, name);
	}
	return 0;
}

static int ssh_use_dir(struct target *t, const char *name, struct err *err)
{
	struct target_ssh *f = t->state;
	struct shell_step step = {
		.what = "crash directory",
		.script = use_script,
		.words = {path_of(t), name},
	};
	char reply[SHELL_REPLY_MAX];
	int rc = shell_persist(&f->shell, &step, f->shell.retry_s / SMALL_SHARE, reply, err);

	return rc ? rc : set_dir(t, name, err);
}

static int ssh_make_dir(struct target *t, const char *name, struct err *err)
{
	struct target_ssh *f = t->state;
	char full[SSH_PATH_MAX], reply[SHELL_REPLY_MAX];
	struct shell_step step = {
		.what = "crash directory",
		.script = mkdir_script,
		.words = {path_of(t), full},
	};

	for (int i = 0; i < TARGET_SAME_NAME_MAX; i++) {
		char suffix[16] = "";
		int rc;

		if (i)
			snprintf(suffix, sizeof(suffix), ".%d", i);
		if (snprintf(full, sizeof(full), "%s%s", name, suffix) >= (int)sizeof(full))
			return err_set(err, ERR_LIMIT, "%s: name too long", name);
		rc = shell_persist(&f->shell, &step, f->shell.retry_s / SMALL_SHARE, reply, err);
		if (rc)
			return rc;
		if (strcmp(reply, "made") == 0)
			return set_dir(t, full, err);
	}
	return err_set(err, ERR_LIMIT, "%s/%s: there are %d of that name already", t->base, name,
		       TARGET_SAME_NAME_MAX);
}

static int ssh_list_dirs(struct target *t, const char *prefix, char *names, size_t room,
			 struct err *err)
{
	struct target_ssh *f = t->state;
	struct shell_step step = {
		.what = "list of directories",
		.script = list_script,
		.words = {path_of(t), prefix},
	};
	char reply[SHELL_REPLY_MAX];
	int rc = shell_run(&f->shell, &step, reply, err);

	if (!rc && snprintf(names, room, "%s", reply) >= (int)room)
		names[0] = '\0';
	return rc;
}

static int ssh_small_create(struct target *t, const char *name, int *fd_ret, struct err *err)
{
	(void)t;
	return target_small_memory(name, fd_ret, err);
}

static int sum_up(int fd, uint64_t size, enum digest_kind kind, char check[static CHECK_MAX],
		  struct err *err)
{
	char buf[SUM_SIZE], sum[DIGEST_TEXT_MAX];
	struct digest digest;

	digest_init(&digest, kind);
	for (uint64_t done = 0; done < size;) {
		ssize_t n = pread(fd, buf, sizeof(buf), done);

		if (n <= 0)
			return err_sys(err, "read");
		digest_update(&digest, buf, n);
		done += n;
	}
	digest_text(&digest, sum);
	snprintf(check, CHECK_MAX, "%" PRIu64 " %s", size, sum);
	return 0;
}

static int ssh_small_commit(struct target *t, const char *name, int fd, struct err *err)
{
	struct target_ssh *f = t->state;
	char check[CHECK_MAX], reply[SHELL_REPLY_MAX];
	struct shell_step step = {
		.what = name,
		.script = small_script,
		.words = {f->dir, name, check},
		.input_fd = fd,
	};
	struct stat st;
	int rc;

	if (fstat(fd, &st)) {
		rc = err_sys(err, "%s", name);
	} else {
		step.size = st.st_size;
		rc = sum_up(fd, st.st_size, f->shell.digest, check, err);
	}
	if (!rc)
		rc = shell_persist(&f->shell, &step, f->shell.retry_s / SMALL_SHARE, reply, err);
	close(fd);
	return rc;
}

static void ssh_small_remove(struct target *t, const char *name)
{
	struct target_ssh *f = t->state;
	struct shell_step step = {
		.what = name,
		.script = remove_script,
		.words = {f->dir, name},
	};
	char reply[SHELL_REPLY_MAX];

	shell_run(&f->shell, &step, reply, NULL);
}

static int ssh_remove_dir(struct target *t, struct err *err)
{
	struct target_ssh *f = t->state;
	struct shell_step step = {
		.what = "removal of the directory", .script = rmdir_script, .words = {f->dir}};
	char reply[SHELL_REPLY_MAX];

	return shell_run(&f->shell, &step, reply, err);
}

static int ssh_open_sink(struct target *t, const char *name, const char *temp, struct sink *s,
			 struct err *err)
{
	struct target_ssh *f = t->state;

	return sink_ssh_open(s, &f->shell, f->dir, name, temp, err);
}

static int ssh_space(struct target *t, struct target_space *ret, struct err *err)
{
	struct target_ssh *f = t->state;
	struct shell_step step = {
		.what = "free space", .script = space_script, .words = {path_of(t)}};
	char reply[SHELL_REPLY_MAX];
	uint64_t all, free;
	int rc = shell_run(&f->shell, &step, reply, err);

	if (rc)
		return rc;
	if (sscanf(reply, "%" SCNu64 " %" SCNu64, &all, &free) != 2 || all > UINT64_MAX >> 10 ||
	    free > UINT64_MAX >> 10)
		return err_set(err, ERR_CORRUPT, "free space: its answer is '%.64s'", reply);
	ret->size = all << 10;
	ret->free = free << 10;
	return 0;
}

static int ssh_close(struct target *t, struct err *err)
{
	struct target_ssh *f = t->state;

	(void)err;
	shell_deinit(&f->shell);
	free(f);
	t->state = NULL;
	return 0;
}

const struct target_ops target_ssh = {
	.name = "ssh",
	.open = ssh_open,
	.make_dir = ssh_make_dir,
	.use_dir = ssh_use_dir,
	.list_dirs = ssh_list_dirs,
	.less_apart = true,
	.small_create = ssh_small_create,
	.small_commit = ssh_small_commit,
	.small_remove = ssh_small_remove,
	.remove_dir = ssh_remove_dir,
	.open_sink = ssh_open_sink,
	.sink_kept = SINK_SSH_KEPT,
	.space = ssh_space,
	.close = ssh_close,
};
