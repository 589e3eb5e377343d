// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat receipts: what became of each crash; lifeboat mark-clean: this boot ends in order. */
#include "loader/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <time.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "loader/evidence.h"
#include "loader/jsonread.h"
#include "loader/places.h"
#include "loader/turn.h"
#include "loader/verdict.h"
#include "vmcore/crashdir.h"

enum {
	NOTIFY_LIMIT_MS = 60 * 1000,
	TURN_MS = 2 * NOTIFY_LIMIT_MS, /* for another one that is at work */
	UNSEEN_MAX = CONFIG_TARGETS_MAX * (ARMED_MAX + 1) + 1,
};

/* All that it works with, too much for a stack. */
struct look {
	struct config config;
	char boot_id[ARMED_BOOT_ID_MAX];
	struct armed marks[ARMED_MAX];
	size_t nmarks;
	struct captures captures;
	struct pstore_found pstore;
	struct places places;
	char unseen[UNSEEN_MAX][PLACES_TEXT_MAX];
	size_t nunseen;
	struct receipts told;
	struct receipt found[VERDICTS_MAX];
};

static void add_unseen(struct look *l, const char *name)
{
	for (size_t i = 0; i < l->nunseen; i++)
		if (strcmp(l->unseen[i], name) == 0)
			return;
	if (l->nunseen < UNSEEN_MAX)
		snprintf(l->unseen[l->nunseen++], sizeof(l->unseen[0]), "%s", name);
}

/* By the configuration of now; what a mark names beyond it is not to be seen either. */
static void look_at_places(struct look *l, const struct context *ctx)
{
	struct utsname un = {.nodename = ""};

	uname(&un);
	places_find(&l->places, ctx->root, &l->config);
	for (size_t i = 0; i < l->places.n; i++) {
		const struct place *p = &l->places.rows[i];

		if (p->trouble[0])
			fprintf(ctx->diag, "lifeboat: receipts: note: target %s %s\n", p->name,
				p->trouble);
		if (p->dir[0] || p->device[0])
			evidence_add_captures(&l->captures, p, &l->told, un.nodename);
		if (p->unplayed)
			fprintf(ctx->diag,
				"lifeboat: receipts: note: target %s was not unmounted, and what its "
				"journal holds is seen only when it is mounted again\n",
				p->name);
		if (p->unplayed || (!p->dir[0] && !p->device[0]))
			add_unseen(l, p->name);
	}
	places_release(&l->places);
	for (size_t i = 0; i < l->nmarks; i++) {
		for (size_t k = 0; k < l->marks[i].ntargets; k++) {
			const char *name = l->marks[i].targets[k];
			bool known = false;

			for (size_t j = 0; j < l->places.n && !known; j++)
				known = strcmp(l->places.rows[j].name, name) == 0;
			if (!known)
				add_unseen(l, name);
		}
	}
}

/* Once there are as many as are kept, older ones may have been told and forgotten. */
static void forget_old(struct look *l)
{
	struct captures *c = &l->captures;
	uint64_t oldest;
	size_t n = 0;

	if (l->told.n < RECEIPTS_MAX)
		return;
	oldest = l->told.rows[l->told.n - 1].crash_time;
	for (size_t i = 0; i < c->n; i++) {
		if (c->rows[i].crash_time >= oldest)
			c->rows[n++] = c->rows[i];
	}
	c->n = n;
}

static uint64_t boot_time(void)
{
	struct timespec now, up;

	if (clock_gettime(CLOCK_REALTIME, &now) || clock_gettime(CLOCK_BOOTTIME, &up))
		return 0;
	return now.tv_sec - up.tv_sec;
}

static void tell_log(const struct context *ctx, const struct receipt *r)
{
	bool safe = r->outcome == RECEIPT_CAPTURED || r->outcome == RECEIPT_SMALL;
	char text[2 * RECEIPT_LINE_MAX];

	snprintf(text, sizeof(text), "crash of Linux %s: %s: %s%s%.300s",
		 r->release[0] ? r->release : "(unknown)", receipt_outcome_name(r->outcome),
		 r->summary, r->panic[0] ? "; panic: " : "", r->panic);
	ctx->syslog(safe ? LOG_WARNING : LOG_CRIT, text);
}

static void set_number(const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	setenv(name, text, 1);
}

/* notify FILE: the outcome, the file of the receipt and the dump as arguments, more about it in
 * the environment. */
static void run_notify(const struct look *l, const struct context *ctx, const struct receipt *r,
		       const char *name)
{
	char path[FACTS_PATH_MAX];
	const char *argv[] = {l->config.notify, receipt_outcome_name(r->outcome), path,
			      r->ndumps ? r->dumps[0].path : "", NULL};
	struct err why = {0};
	struct child c;
	int rc;

	if (!l->config.notify[0] || snprintf(path, sizeof(path), "%s" RECEIPT_DIR "/%s", ctx->root,
					     name) >= (int)sizeof(path))
		return;
	setenv("LIFEBOAT_OUTCOME", receipt_outcome_name(r->outcome), 1);
	setenv("LIFEBOAT_SUMMARY", r->summary, 1);
	setenv("LIFEBOAT_PANIC", r->panic, 1);
	setenv("LIFEBOAT_RELEASE", r->release, 1);
	setenv("LIFEBOAT_SIGNATURE", r->signature, 1);
	setenv("LIFEBOAT_RECEIPT", path, 1);
	setenv("LIFEBOAT_DUMP", argv[3], 1);
	set_number("LIFEBOAT_CRASH_TIME", r->crash_time);
	rc = child_start(&c, argv, &why);
	if (!rc) {
		rc = child_wait(&c, NOTIFY_LIMIT_MS, &why);
		if (!rc && child_code(&c))
			rc = err_set(&why, ERR_STOPPED, "it ended with code %d: %.200s",
				     child_code(&c), c.said);
		child_end(&c);
	}
	if (rc)
		fprintf(ctx->diag, "lifeboat: receipts: note: notify %s: %s\n", l->config.notify,
			why.msg);
}

static void drop_mark(struct look *l, size_t i)
{
	memmove(&l->marks[i], &l->marks[i + 1], (--l->nmarks - i) * sizeof(l->marks[0]));
}

/* What is left of a run that was ended between a receipt and the end of its mark. */
static int drop_told_marks(struct look *l, const struct context *ctx, struct err *err)
{
	for (size_t i = 0; i < l->told.n; i++) {
		for (size_t k = l->nmarks; k--;) {
			int rc;

			if (strcmp(l->marks[k].boot_id, l->told.rows[i].boot_id) != 0)
				continue;
			rc = armed_remove(ctx->root, l->marks[k].boot_id, err);
			if (rc)
				return rc;
			drop_mark(l, k);
		}
	}
	return 0;
}

/* The boot of @r may be named by a manifest that anybody wrote: only a mark that was read goes. */
static int remove_mark(const struct look *l, const struct context *ctx, const struct receipt *r,
		       struct err *err)
{
	for (size_t i = 0; i < l->nmarks; i++)
		if (strcmp(l->marks[i].boot_id, r->boot_id) == 0)
			return armed_remove(ctx->root, l->marks[i].boot_id, err);
	return 0;
}

/*
 * Stored first: what cannot be kept is told again at the next try, and not the other way round.
 * Its mark goes before anybody is told, which may take long.
 */
static int store_and_tell(struct look *l, const struct context *ctx, const struct receipt *r,
			  struct err *err)
{
	char name[RECEIPT_NAME_MAX];
	int rc = receipt_store(r, ctx->root, name, err);

	if (!rc)
		rc = remove_mark(l, ctx, r, err);
	if (rc)
		return rc;
	tell_log(ctx, r);
	run_notify(l, ctx, r, name);
	return 0;
}

static int find_new(struct look *l, const struct context *ctx, struct err *err)
{
	struct verdict_facts facts = {
		.marks = l->marks,
		.captures = &l->captures,
		.pstore = &l->pstore,
		.now = time(NULL),
		.boot_time = boot_time(),
		.unseen = (const char(*)[PLACES_TEXT_MAX])l->unseen,
	};
	size_t n;
	int rc;

	// Without one no mark can be told from that of this boot.
	if (!armed_boot_id(ctx->root, l->boot_id, NULL))
		l->nmarks = armed_list(ctx->root, l->boot_id, l->marks);
	rc = drop_told_marks(l, ctx, err);
	if (rc)
		return rc;
	facts.nmarks = l->nmarks;
	evidence_read_pstore(&l->pstore, ctx->root, &l->told);
	facts.watchdog_reset = evidence_watchdog_reset(ctx->root);
	look_at_places(l, ctx);
	facts.nunseen = l->nunseen;
	forget_old(l);
	n = verdict_reach(&facts, l->found);
	for (size_t i = 0; i < n; i++) {
		rc = store_and_tell(l, ctx, &l->found[i], err);
		if (rc)
			return rc;
	}
	receipts_free(&l->told);
	return receipts_load(&l->told, ctx->root, err);
}

/* Two at a time would tell one crash twice: what is told is read when it is one's turn. */
static int load_and_find(struct look *l, const struct context *ctx, struct err *err)
{
	// Who may not write can still read.
	bool may = ctx->root[0] || geteuid() == 0;
	CLEANUP_CLOSE int turn = -1;
	struct err why = {0};
	int rc;

	if (may) {
		rc = turn_take(ctx->root, "receipts", TURN_MS, &turn, &why);
		if (rc < 0)
			fprintf(ctx->diag, "lifeboat: receipts: note: %s\n", why.msg);
		else if (!rc)
			fprintf(ctx->diag, "lifeboat: receipts: note: another one is still at "
					   "work; this is what was told so far\n");
		may = rc != 0;
	}
	rc = receipts_load(&l->told, ctx->root, err);
	return rc || !may ? rc : find_new(l, ctx, err);
}

static void print_table(const struct context *ctx, const struct receipts *rs)
{
	if (!rs->n) {
		fprintf(ctx->out, "no crash is known\n");
		return;
	}
	fprintf(ctx->out, "%-19s  %-10s  %-20s  %s\n", "TIME (UTC)", "OUTCOME", "KERNEL", "WHAT");
	for (size_t i = 0; i < rs->n; i++) {
		const struct receipt *r = &rs->rows[i];
		uint64_t time = r->crash_time ? r->crash_time : r->not_after;
		char stamp[CRASHDIR_STAMP_LEN + 1];

		crashdir_stamp(stamp, time ? time : r->told_time);
		stamp[10] = ' ';
		// Of one whose time nobody knows: it was before this.
		fprintf(ctx->out, "%s%s  %-10s  %-20s  %s\n", r->crash_time ? "" : "<", stamp,
			receipt_outcome_name(r->outcome), r->release[0] ? r->release : "-",
			r->summary);
		if (r->panic[0])
			fprintf(ctx->out, "%19s  panic: %s\n", "", r->panic);
	}
}

static int print_json(const struct context *ctx, const struct receipts *rs, struct err *err)
{
	CLEANUP_FREE char *text = malloc(JSONREAD_SIZE_MAX);

	if (!text)
		return err_set(err, ERR_NOMEM, "no memory");
	fprintf(ctx->out, "[");
	for (size_t i = 0; i < rs->n; i++) {
		if (!receipt_text(&rs->rows[i], text, JSONREAD_SIZE_MAX))
			continue;
		fprintf(ctx->out, "%s\n%s", i ? "," : "", text);
	}
	fprintf(ctx->out, "]\n");
	return 0;
}

static bool has_word(const struct context *ctx, const char *word)
{
	for (size_t i = 0; i < ctx->nwords; i++) {
		if (strcmp(ctx->words[i], word) == 0)
			return true;
	}
	return false;
}

int command_receipts(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct look *l = calloc(1, sizeof(*l));
	bool json = has_word(ctx, "--json");
	int rc;

	if (!l)
		return err_set(err, ERR_NOMEM, "no memory for receipts");
	if (ctx->nwords != json)
		return err_set(err, ERR_USAGE, "the only word behind it is --json");
	rc = command_read_config(ctx, NULL, &l->config, err);
	if (!rc)
		rc = load_and_find(l, ctx, err);
	if (!rc && json)
		rc = print_json(ctx, &l->told, err);
	else if (!rc)
		print_table(ctx, &l->told);
	receipts_free(&l->told);
	return rc;
}

int command_mark_clean(const struct context *ctx, struct err *err)
{
	char boot_id[ARMED_BOOT_ID_MAX];
	int rc = armed_boot_id(ctx->root, boot_id, err);

	return rc ? rc : armed_remove(ctx->root, boot_id, err);
}
