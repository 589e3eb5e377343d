// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat reload: puts the capture kernel in place anew, after a change; with --if-changed only
 * when there was one. No unload of its own in between: since 6.3 that would count against
 * kernel.kexec_load_limit_panic, and could use up what the load needs.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/number.h"
#include "loader/command.h"
#include "loader/corehdr.h"
#include "loader/load.h"
#include "loader/loadplan.h"
#include "loader/machine.h"
#include "loader/state.h"
#include "loader/turn.h"

enum {
	SETTLE_S = 1, /* events of udev come in swarms: one for each block of memory */
	SETTLE_MAX_S = 60,
};

/* CPUs and memory, where the kernel does not see to them itself. */
static int machine_changed(const struct context *ctx, const struct state *s,
			   char what[static LOADPLAN_CHANGES_MAX], struct err *err)
{
	struct machine_facts now;
	int rc;

	if (corehdr_hotplug(ctx->root) == 1)
		return 0;
	rc = machine_tell(&now, ctx->root, err);
	if (rc || strcmp(now.digest, s->machine.digest) == 0)
		return rc;
	if (!s->machine.digest[0])
		snprintf(what, LOADPLAN_CHANGES_MAX,
			 "CPUs and memory: what they were is not known");
	else
		snprintf(what, LOADPLAN_CHANGES_MAX,
			 "CPUs and memory: %" PRIu64 " notes and %" PRIu64 " ranges of %" PRIu64
			 " MiB, were %" PRIu64 ", %" PRIu64 " and %" PRIu64,
			 now.cpus, now.ranges, now.memory >> 20, s->machine.cpus, s->machine.ranges,
			 s->machine.memory >> 20);
	return 1;
}

/* 1 when there is a change since @s, told in @what; 0 when there is none. */
static int find_change(const struct context *ctx, const struct state *s, struct loadplan *plan,
		       char what[static LOADPLAN_CHANGES_MAX], struct err *err)
{
	int rc = loadplan_config(plan, ctx, "reload", err);

	if (!rc)
		rc = loadplan_facts(plan, ctx, err);
	if (!rc)
		rc = loadplan_kernel(plan, ctx, err);
	if (!rc)
		rc = loadplan_initrd(plan, ctx, err);
	if (!rc)
		rc = loadplan_cmdline(plan, ctx, err);
	if (rc)
		return rc;
	if (loadplan_differs(plan, s, what))
		return 1;
	return machine_changed(ctx, s, what, err);
}

/* Of what is loaded; as find_change(), and 0 where it is another program's. */
static int look(const struct context *ctx, char what[static LOADPLAN_CHANGES_MAX], struct err *err)
{
	CLEANUP_FREE struct state *s = malloc(sizeof(*s));
	struct loadplan *plan;
	struct err why = {0};
	int rc;

	if (!s)
		return err_set(err, ERR_NOMEM, "no memory for the record");
	rc = state_read(s, ctx->root, &why);
	// A load of ours leaves a record; what another program loaded is not to be replaced unasked.
	if (rc == ERR_NOTFOUND) {
		fprintf(ctx->out, "what is loaded is not ours: %s\n", why.msg);
		return 0;
	}
	if (rc) {
		snprintf(what, LOADPLAN_CHANGES_MAX, "what is loaded is not known: %s", why.msg);
		return 1;
	}
	plan = loadplan_create();
	if (!plan)
		return err_set(err, ERR_NOMEM, "no memory to load");
	rc = find_change(ctx, s, plan, what, err);
	if (!rc)
		fprintf(ctx->out, "nothing has changed\n");
	loadplan_destroy(plan);
	return rc;
}

static int reload_if_changed(const struct context *ctx, struct err *err)
{
	char what[LOADPLAN_CHANGES_MAX] = "";
	struct facts facts;
	int rc = facts_gather(&facts, ctx->root, err);

	if (rc)
		return rc;
	// Somebody may have taken it away on purpose.
	if (facts.crash_loaded != 1) {
		fprintf(ctx->out, "nothing is loaded\n");
		return 0;
	}
	rc = look(ctx, what, err);
	if (rc <= 0)
		return rc;
	fprintf(ctx->out, "%s\n", what);
	return load_anew(ctx, "reload", err);
}

/*
 * Of many that are called at once, one waits until it is quiet and looks then, while another may
 * still be at work; who finds one waiting leaves it to that one, which looks later than now.
 */
static int take_turn(const struct context *ctx, unsigned int settle_s, struct err *err)
{
	CLEANUP_CLOSE int wait = -1, work = -1;
	int rc = turn_take(ctx->root, "reload-waits", 0, &wait, err);

	if (!rc)
		fprintf(ctx->out, "another one is about to look\n");
	if (rc <= 0)
		return rc;
	sleep(settle_s);
	rc = turn_take(ctx->root, LOAD_TURN, LOAD_TURN_MS, &work, err);
	if (!rc)
		return err_set(err, ERR_LIMIT, "another reload has been at work for %d seconds",
			       LOAD_TURN_MS / 1000);
	if (rc < 0)
		return rc;
	close(steal_fd(&wait));
	return reload_if_changed(ctx, err);
}

int command_reload(const struct context *ctx, struct err *err)
{
	unsigned int settle = SETTLE_S;
	bool if_changed = false;

	for (size_t i = 0; i < ctx->nwords; i++) {
		const char *word = ctx->words[i];

		if (strcmp(word, "--if-changed") == 0)
			if_changed = true;
		else if (strncmp(word, "--settle=", 9) != 0 ||
			 !number_read(word + 9, SETTLE_MAX_S, &settle))
			return err_set(
				err, ERR_USAGE,
				"'%.64s': expected --if-changed, or --settle=SECONDS up to %d",
				word, SETTLE_MAX_S);
	}
	return if_changed ? take_turn(ctx, settle, err) : load_in_turn(ctx, "reload", err);
}
