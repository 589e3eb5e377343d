// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat rehearse: everything but the crash. What is aboard the initrd is looked at, then the
 * collector tries the targets with the running kernel's memory, in as much memory as it will have.
 */
#include "loader/command.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "loader/aboard.h"
#include "loader/identity.h"
#include "loader/initrd.h"
#include "loader/jsonread.h"
#include "loader/loadplan.h"
#include "loader/memcg.h"
#include "loader/netdrift.h"
#include "loader/sizing.h"
#include "loader/sources.h"
#include "loader/store.h"
#include "loader/turn.h"

#define REHEARSAL_DIR  "/var/lib/lifeboat"
#define REHEARSAL_FILE "rehearsal.json"

enum {
	EXIT_REHEARSAL = 1,
	ANSWER_MAX = JSONREAD_SIZE_MAX,
	REASON_MAX = 512,
	TARGET_SPARE_S = 300, /* beyond the limits of the configuration, for each target */
	TEXT_MAX = 16 << 10,
	MS = 1000,
	LIMIT_SPARE = 4 << 20, /* what rounding up a reservation leaves at most */
};

enum result {
	RESULT_OK,
	RESULT_WARN,
	RESULT_FAILED,
};

struct rehearsal {
	const struct context *ctx;
	struct config config;
	struct sizing sizing;
	struct initrd initrd;
	struct aboard aboard;
	struct memcg memcg;
	uint64_t limit; /* bytes that the collector gets */
	char answer[ANSWER_MAX]; /* of the collector */
	struct json_object *json; /* the same, read */
	bool limited; /* that is held by a cgroup */
	bool killed; /* for want of memory: the collector, or what it started */
	uint64_t peak; /* bytes it took at most; 0: not known */
	enum result result;
	char reason[REASON_MAX]; /* the first of the worst */
};

static const char *result_name(enum result result)
{
	return result == RESULT_OK ? "ok" : result == RESULT_WARN ? "warn" : "failed";
}

static enum result result_of(const char *name)
{
	return strcmp(name, "ok") == 0	   ? RESULT_OK
	       : strcmp(name, "warn") == 0 ? RESULT_WARN
					   : RESULT_FAILED;
}

/* Says it, and keeps it where nothing as bad was said before. */
static void __attribute__((format(printf, 3, 4)))
judge(struct rehearsal *h, enum result result, const char *fmt, ...)
{
	char text[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(h->ctx->out, "%s: %s\n", result_name(result), text);
	if (result <= h->result)
		return;
	h->result = result;
	memcpy(h->reason, text, sizeof(text));
}

/* ---- before anything is tried ---- */

static void check_size(struct rehearsal *h)
{
	const struct sizing *s = &h->sizing;
	uint64_t want = need_reserve(s->next);

	if (s->facts.crash_size <= 0)
		judge(h, RESULT_FAILED,
		      "no memory is reserved: crashkernel=%lluM is needed; `lifeboat "
		      "reset-crashkernel` and reboot",
		      facts_mib(want));
	else if ((uint64_t)s->facts.crash_size < s->bytes)
		judge(h, RESULT_FAILED,
		      "the reservation is too small: %llu MiB are reserved, %llu MiB are needed "
		      "(%s): `lifeboat reset-crashkernel` makes it crashkernel=%lluM, then reboot",
		      facts_mib(s->facts.crash_size), facts_mib(s->bytes),
		      s->measured.need ? "measured" : "computed", facts_mib(want));
	else
		judge(h, RESULT_OK, "%llu MiB are reserved, %llu MiB are needed (%s)",
		      facts_mib(s->facts.crash_size), facts_mib(s->bytes),
		      s->measured.need ? "measured" : "computed");
}

/* Of an initrd that has no description at all aboard_check() tells. */
static void check_network(struct rehearsal *h)
{
	char text[NETDRIFT_TEXT_MAX];
	struct err why = {0};
	int answer = netdrift_check(&h->initrd, h->ctx->root, &h->config, true, text, &why);

	if (answer < 0)
		judge(h, RESULT_WARN,
		      "whether the network is still as the initrd says cannot be told: %s",
		      why.msg);
	else if (answer == NETDRIFT_DIFFERS)
		judge(h, RESULT_FAILED,
		      "the network has changed since the initrd was built: %s: run "
		      "lifeboat-mkinitrd and `lifeboat reload`",
		      text);
	else if (answer == NETDRIFT_SAME)
		judge(h, RESULT_OK, "the network is as the initrd says");
}

static void check_aboard(struct rehearsal *h)
{
	const struct sizing *s = &h->sizing;
	const char *release = s->kernel.release[0] ? s->kernel.release : s->facts.release;
	char text[SOURCES_TEXT_MAX];

	if (sources_check(&h->initrd, h->ctx->root, h->ctx->config, text) == SOURCES_DIFFER)
		judge(h, RESULT_FAILED, "%s: run lifeboat-mkinitrd and `lifeboat reload`", text);
	aboard_check(&h->aboard, h->ctx->root, &h->config, &h->initrd, release, s->facts.release);
	for (size_t i = 0; i < h->aboard.nmissing; i++)
		judge(h, RESULT_FAILED, "%s", h->aboard.missing[i]);
	for (size_t i = 0; i < h->aboard.nnotes; i++)
		judge(h, RESULT_WARN, "%s", h->aboard.notes[i]);
	if (!h->aboard.nmissing && !h->aboard.nnotes)
		judge(h, RESULT_OK, "the initrd has what the targets need");
}

/* What it will have there: with no reservation, or one too small, what one that suffices leaves. */
static void set_limit(struct rehearsal *h)
{
	const struct sizing *s = &h->sizing;

	h->limit = s->left;
	if (s->facts.crash_size < (int64_t)s->bytes)
		h->limit = s->need.collector + LIMIT_SPARE;
	h->limited = memcg_create(&h->memcg, h->ctx->root, h->limit);
	if (h->limited)
		return;
	judge(h, RESULT_WARN,
	      "the memory limit of %llu MiB is not held: %s; that memory suffices is only computed",
	      facts_mib(h->limit), h->memcg.why);
}

/* ---- the collector ---- */

/* Beside this program, else wherever programs are. */
static void find_collector(char ret[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 32);
	char *slash;

	ret[n > 0 ? n : 0] = '\0';
	slash = strrchr(ret, '/');
	if (slash) {
		strcpy(slash + 1, "lifeboat-collect");
		if (access(ret, X_OK) == 0)
			return;
	}
	strcpy(ret, "lifeboat-collect");
}

static int patience_ms(const struct config *c)
{
	uint64_t s = (uint64_t)c->ntargets * (c->device_timeout + c->network_timeout +
					      3ULL * c->tier_limit + TARGET_SPARE_S);

	return s < INT_MAX / MS ? s * MS : INT_MAX;
}

static int start(struct rehearsal *h, struct child *c, struct err *err)
{
	// It puts itself into the group before it becomes what is to be held there.
	static const char script[] = "if [ -n \"$0\" ]; then echo $$ > \"$0\" || exit 125; fi; "
				     "exec \"$@\"";
	char collector[PATH_MAX], procs[MEMCG_PATH_MAX + 32] = "", memory[32];
	char config[FACTS_PATH_MAX];
	int rc = facts_path(config, sizeof(config), h->ctx->root, h->ctx->config, err);
	const char *argv[] = {"sh",	  "-c",	  script,     procs,  collector, "--rehearse",
			      "--memory", memory, "--config", config, NULL,	 NULL};

	if (rc)
		return rc;
	if (h->ctx->nwords)
		argv[ARRAY_SIZE(argv) - 2] = h->ctx->words[0];
	// Without a file the defaults hold, and the collector has the same.
	if (!h->ctx->config_said && access(config, F_OK))
		strcpy(config, "/dev/null");
	find_collector(collector);
	if (h->memcg.dir[0])
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", h->memcg.dir);
	snprintf(memory, sizeof(memory), "%" PRIu64, h->limit);
	return child_start(c, argv, err);
}

static int read_answer(struct rehearsal *h, struct child *c, struct err *err)
{
	int patience = patience_ms(&h->config);
	size_t used = 0;
	ssize_t n = 1;
	int rc;

	while (n > 0 && used < sizeof(h->answer)) {
		n = child_read(c, h->answer + used, sizeof(h->answer) - used, patience, err);
		if (n < 0)
			return n;
		used += n;
	}
	rc = child_wait(c, patience, err);
	if (rc)
		return rc;
	if (child_code(c) != 0)
		return err_set(err, ERR_STOPPED, "lifeboat-collect ended with %d: %.300s",
			       child_code(c), c->said);
	return jsonread_parse("the answer of lifeboat-collect", h->answer, used, &h->json, err);
}

static void run_collector(struct rehearsal *h)
{
	struct child c = CHILD_NONE;
	struct err why = {0};
	int rc = start(h, &c, &why);

	if (!rc)
		rc = read_answer(h, &c, &why);
	child_end(&c);
	memcg_peak(&h->memcg, &h->peak);
	// It is a new one: nobody was killed in it before. Of an ssh that was, the collector knows
	// no more than that a connection broke.
	h->killed = memcg_killed(&h->memcg);
	if (h->killed)
		judge(h, RESULT_FAILED,
		      "out of memory: the collector has %llu MiB there, and it or what it started "
		      "was killed for want of more: the reservation is too small; `lifeboat "
		      "reset-crashkernel`",
		      facts_mib(h->limit));
	else if (rc)
		judge(h, RESULT_FAILED, "%s", why.msg);
	memcg_destroy(&h->memcg);
}

/* ---- the result ---- */

static double number_at(struct json_object *o, const char *path)
{
	double v;

	return jsonread_double(o, path, &v) ? v : 0;
}

static void print_levels(struct rehearsal *h, struct json_object *t)
{
	size_t n = jsonread_count(t, "levels");

	for (size_t i = 0; i < n; i++) {
		struct json_object *l = jsonread_object_at(t, "levels", i);
		uint64_t level, bytes;

		jsonread_u64(l, "level", &level);
		jsonread_u64(l, "bytes", &bytes);
		fprintf(h->ctx->out, "    level %2" PRIu64 ": about %llu MiB, %.0f s%s\n", level,
			facts_mib(bytes), number_at(l, "seconds"), i ? "" : " (as configured)");
	}
}

static void print_times(struct rehearsal *h, struct json_object *t)
{
	uint64_t written, memory, back;
	char stage[16];

	// One that could not be opened, or that was only opened, has no times.
	jsonread_string(t, "stage", stage, sizeof(stage));
	if (strcmp(stage, "open") == 0 || strcmp(stage, "target") == 0)
		return;
	jsonread_u64(t, "sample_written_bytes", &written);
	jsonread_u64(t, "sample_bytes", &memory);
	jsonread_u64(t, "read_back_bytes", &back);
	fprintf(h->ctx->out,
		"    opened in %.1f s, panic record %.1f s, log %.1f s, mini-core %.1f s\n",
		number_at(t, "seconds.target"), number_at(t, "seconds.record"),
		number_at(t, "seconds.dmesg"), number_at(t, "seconds.mini"));
	if (memory)
		fprintf(h->ctx->out,
			"    sample: %llu MiB of memory became %llu MiB in %.1f s; %llu MiB read "
			"back, all removed\n",
			facts_mib(memory), facts_mib(written), number_at(t, "sample_seconds"),
			facts_mib(back));
}

/* What a capture writes one after the other: the stage's name in an answer, and ours. */
static const struct written {
	const char *stage, *name;
} written[] = {{"record", "record"}, {"dmesg", "log"}, {"mini", "mini-core"}, {"pages", "sample"}};

static bool took(struct json_object *t, const char *stage)
{
	size_t n = jsonread_count(t, "took");
	char text[16];

	for (size_t i = 0; i < n; i++) {
		jsonread_string_at(t, "took", i, text, sizeof(text));
		if (strcmp(text, stage) == 0)
			return true;
	}
	return false;
}

/* "record, log" of those that it took, or did not take: how many. */
static size_t list_written(struct json_object *t, bool taken, char *text, size_t room)
{
	size_t n = 0, used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		if (took(t, written[i].stage) == taken)
			used += snprintf(text + used, room - used, "%s%s", n++ ? ", " : "",
					 written[i].name);
	return n;
}

static void judge_written(struct rehearsal *h, struct json_object *t, const char *name)
{
	char yes[64], no[64];
	size_t n = list_written(t, true, yes, sizeof(yes));

	list_written(t, false, no, sizeof(no));
	if (n == ARRAY_SIZE(written))
		judge(h, RESULT_OK, "target %s took %s", name, yes);
	else if (n)
		judge(h, RESULT_WARN, "target %s took %s, but not %s", name, yes, no);
	else
		judge(h, RESULT_WARN, "target %s: nothing of a dump was written there: no %s", name,
		      no);
}

/* The remedy for what a target said: its own words have the cause. */
static void judge_target(struct rehearsal *h, struct json_object *t)
{
	char name[128], reason[400], text[400], word[16];
	size_t n = jsonread_count(t, "notes");
	enum result result;

	jsonread_string(t, "target", name, sizeof(name));
	jsonread_string(t, "reason", reason, sizeof(reason));
	jsonread_string(t, "result", word, sizeof(word));
	result = result_of(word);
	if (result == RESULT_FAILED)
		judge(h, RESULT_FAILED, "%s", reason);
	else if (result == RESULT_OK)
		judge_written(h, t, name);
	for (size_t i = 0; i < n; i++) {
		jsonread_string_at(t, "notes", i, text, sizeof(text));
		if (result == RESULT_WARN)
			judge(h, RESULT_WARN, "target %s: %s", name, text);
		else
			fprintf(h->ctx->out, "    %s\n", text);
	}
	// Behind the causes: the first of the worst is what is told of a rehearsal.
	if (result == RESULT_WARN)
		judge_written(h, t, name);
	print_times(h, t);
	print_levels(h, t);
}

static void judge_memory(struct rehearsal *h)
{
	if (h->killed || !h->limited)
		return;
	if (h->peak)
		judge(h, RESULT_OK, "at most %llu of %llu MiB were taken", facts_mib(h->peak),
		      facts_mib(h->limit));
	else
		judge(h, RESULT_OK,
		      "no more than %llu MiB were taken; how much is not known: this kernel keeps "
		      "no memory.peak",
		      facts_mib(h->limit));
}

static void judge_answer(struct rehearsal *h)
{
	size_t n = jsonread_count(h->json, "targets");

	for (size_t i = 0; i < n; i++)
		judge_target(h, jsonread_object_at(h->json, "targets", i));
	judge_memory(h);
}

/* The dump that is expected: of the first target that could tell. */
static void put_prediction(struct rehearsal *h, struct json *j)
{
	size_t n = h->json ? jsonread_count(h->json, "targets") : 0;
	uint64_t bytes = 0;
	double seconds = 0;

	for (size_t i = 0; i < n && !bytes; i++) {
		struct json_object *l =
			jsonread_object_at(jsonread_object_at(h->json, "targets", i), "levels", 0);

		jsonread_u64(l, "bytes", &bytes);
		seconds = number_at(l, "seconds");
	}
	json_u64(j, "predicted_bytes", bytes);
	json_u64(j, "predicted_seconds", seconds + 0.5);
}

/* A rehearsal of another configuration, or of a dump, proves nothing of what is loaded. */
static bool is_of_machine(const struct context *ctx)
{
	return !ctx->nwords && strcmp(ctx->config, CONFIG_FILE) == 0;
}

/* Of what would be loaded now. What cannot be is not known, and no rehearsal of it goes well. */
static void identify(const struct context *ctx, struct identity *id)
{
	struct loadplan *p = loadplan_create();

	*id = (struct identity){.kernel = ""};
	if (p && !loadplan_facts(p, ctx, NULL) && !loadplan_config(p, ctx, NULL, NULL) &&
	    !loadplan_kernel(p, ctx, NULL) && !loadplan_initrd(p, ctx, NULL) &&
	    !loadplan_cmdline(p, ctx, NULL))
		identity_of(id, p);
	loadplan_destroy(p);
}

static int store(struct rehearsal *h, struct err *err)
{
	struct identity id;
	char text[TEXT_MAX];
	struct json j;

	identify(h->ctx, &id);
	json_init(&j, text, sizeof(text));
	json_object(&j, NULL);
	json_u64(&j, "rehearsal_version", 1);
	json_u64(&j, "time", time(NULL));
	json_string(&j, "result", result_name(h->result));
	json_string(&j, "reason", h->reason);
	json_bool(&j, "killed", h->killed);
	put_prediction(h, &j);
	if (h->peak)
		json_u64(&j, "peak_memory_bytes", h->peak);
	json_u64(&j, "memory_limit_bytes", h->limit);
	json_u64(&j, "need_bytes", h->sizing.bytes);
	identity_put(&id, &j);
	json_object_end(&j);
	if (j.overflow)
		return err_set(err, ERR_LIMIT, REHEARSAL_FILE ": its text is too long");
	return store_write(h->ctx->root, REHEARSAL_DIR, REHEARSAL_FILE, text, j.used, err);
}

static int rehearse(struct rehearsal *h, struct err *err)
{
	struct err why = {0};
	int rc = command_read_config(h->ctx, "rehearse", &h->config, err);

	if (!rc && config_check(&h->config, h->ctx->config, &why))
		rc = err_set(err, ERR_USAGE, "%s", why.msg);
	if (!rc)
		rc = sizing_gather(&h->sizing, h->ctx->root, &h->config, &h->initrd, err);
	if (rc)
		return rc;
	if (h->sizing.note[0])
		judge(h, RESULT_WARN, "%s", h->sizing.note);
	check_size(h);
	check_aboard(h);
	check_network(h);
	set_limit(h);
	run_collector(h);
	if (h->json)
		judge_answer(h);
	fprintf(h->ctx->out, "rehearsal: %s%s%s\n", result_name(h->result),
		h->reason[0] ? ": " : "", h->reason);
	if (is_of_machine(h->ctx))
		rc = store(h, err);
	else
		fprintf(h->ctx->out,
			"that is not kept: it was not of " CONFIG_FILE " and the running kernel\n");
	return rc ? rc : h->result == RESULT_FAILED ? EXIT_REHEARSAL : 0;
}

int command_rehearse(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct rehearsal *h = calloc(1, sizeof(*h));
	CLEANUP_CLOSE int turn = -1;
	int rc;

	if (!h)
		return err_set(err, ERR_NOMEM, "no memory to rehearse");
	if (ctx->nwords > 1)
		return err_set(err, ERR_USAGE, "the only word behind it is a dump to be used");
	rc = turn_take(ctx->root, "rehearse", 0, &turn, err);
	if (!rc)
		return err_set(err, ERR_LIMIT, "another rehearsal is under way");
	if (rc < 0)
		return rc;
	h->ctx = ctx;
	rc = rehearse(h, err);
	memcg_destroy(&h->memcg);
	jsonread_free(h->json);
	initrd_close(&h->initrd);
	return rc;
}
