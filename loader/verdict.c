// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/verdict.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct verdict {
	const struct verdict_facts *f;
	struct receipt *rows;
	size_t n;
	bool mark_used[ARMED_MAX];
	size_t owner[EVIDENCE_PSTORE_MAX]; /* the row whose each log of pstore is */
};

enum {
	SAME_TIME = 5, /* seconds that a log's time and a directory's may differ */
};

#define SAY(r, ...) snprintf((r)->summary, sizeof((r)->summary), __VA_ARGS__)

static void take_mark(struct verdict *v, struct receipt *r, size_t i)
{
	const struct armed *a = &v->f->marks[i];

	v->mark_used[i] = true;
	memcpy(r->boot_id, a->boot_id, sizeof(r->boot_id));
	if (!r->release[0])
		memcpy(r->release, a->release, sizeof(r->release));
	r->test = a->test;
	r->identity = a->identity;
	r->reserved = a->reserved;
	r->needs = a->needs;
	r->ntargets = a->ntargets;
	memcpy(r->targets, a->targets, sizeof(r->targets));
}

/* ---- crashes of which a target has something ---- */

/* Directories of one crash on several targets: the same boot, or the same second. */
static bool same_crash(const struct receipt *r, const struct capture *c)
{
	if (r->boot_id[0] && c->boot_id[0])
		return strcmp(r->boot_id, c->boot_id) == 0;
	return r->crash_time == c->crash_time;
}

static enum receipt_outcome outcome_of(enum capture_status status)
{
	switch (status) {
	case CAPTURE_COMPLETE:
		return RECEIPT_CAPTURED;
	case CAPTURE_INCOMPLETE:
		return RECEIPT_PARTIAL;
	case CAPTURE_SMALL:
		return RECEIPT_SMALL;
	case CAPTURE_FILES:
	case CAPTURE_NOTHING:
		break;
	}
	return RECEIPT_FAILED;
}

static void copy_if_empty(char *to, size_t size, const char *from)
{
	if (!to[0])
		snprintf(to, size, "%s", from);
}

static void add_dump(struct receipt *r, bool first, const char *path, const char *status)
{
	size_t i = first ? 0 : r->ndumps;

	if (r->ndumps == RECEIPT_DUMPS_MAX)
		return;
	memmove(&r->dumps[i + 1], &r->dumps[i], (r->ndumps - i) * sizeof(r->dumps[0]));
	snprintf(r->dumps[i].path, sizeof(r->dumps[i].path), "%s", path);
	snprintf(r->dumps[i].status, sizeof(r->dumps[i].status), "%s", status);
	r->ndumps++;
}

/* The best of them is the outcome, with its own reason, and comes first. */
static void take_capture(struct receipt *r, const struct capture *c)
{
	enum receipt_outcome outcome = outcome_of(c->status);
	bool best;

	copy_if_empty(r->boot_id, sizeof(r->boot_id), c->boot_id);
	copy_if_empty(r->release, sizeof(r->release), c->release);
	copy_if_empty(r->panic, sizeof(r->panic), c->panic);
	copy_if_empty(r->signature, sizeof(r->signature), c->signature);
	r->nomem = r->nomem || c->nomem;
	receipt_add_evidence(r, c->evidence);
	if (c->elsewhere[0])
		outcome = RECEIPT_CAPTURED;
	best = !r->ndumps || outcome < r->outcome;
	if (best) {
		r->outcome = outcome;
		memcpy(r->stage, c->stage, sizeof(r->stage));
		memcpy(r->reason, c->reason, sizeof(r->reason));
	}
	add_dump(r, best, c->path, c->status_text);
	if (c->elsewhere[0])
		add_dump(r, best, c->elsewhere, "complete");
}

static void take_captures(struct verdict *v)
{
	const struct captures *cs = v->f->captures;

	for (size_t i = 0; i < cs->n; i++) {
		const struct capture *c = &cs->rows[i];
		size_t k = 0;

		while (k < v->n && !same_crash(&v->rows[k], c))
			k++;
		if (k == v->n)
			v->rows[v->n++] = (struct receipt){.crash_time = c->crash_time};
		take_capture(&v->rows[k], c);
	}
}

static int oldest_first(const void *pa, const void *pb)
{
	const struct receipt *a = pa, *b = pb;

	return a->crash_time == b->crash_time ? 0 : a->crash_time < b->crash_time ? -1 : 1;
}

/*
 * The boot that a crash ended: by its id where the capture kernel was given one, else the last one
 * loaded before it.
 */
static void match_marks(struct verdict *v)
{
	for (size_t k = 0; k < v->n; k++) {
		struct receipt *r = &v->rows[k];
		size_t best = v->f->nmarks;

		for (size_t i = 0; i < v->f->nmarks; i++) {
			const struct armed *a = &v->f->marks[i];

			if (r->boot_id[0] ? strcmp(r->boot_id, a->boot_id) == 0
					  : !v->mark_used[i] && a->time <= r->crash_time)
				best = i;
		}
		if (best < v->f->nmarks)
			take_mark(v, r, best);
	}
}

/*
 * Memory ran out in the capture kernel, or would have: what the remedy is has to stand there. A
 * computation that says it sufficed was wrong, then.
 */
static void say_memory(struct receipt *r, const char *how)
{
	char why[RECEIPT_LINE_MAX];
	int n;

	if (!r->reserved)
		n = snprintf(why, sizeof(why), "%sout of memory in the capture kernel", how);
	else if (r->needs > r->reserved)
		n = snprintf(why, sizeof(why),
			     "%sout of memory in the capture kernel: needs %llu MiB, %llu MiB are "
			     "reserved",
			     how, facts_mib(r->needs), facts_mib(r->reserved));
	else
		n = snprintf(why, sizeof(why),
			     "%sout of memory in the capture kernel: needs more than the %llu MiB "
			     "that are reserved",
			     how, facts_mib(r->reserved));
	snprintf(why + n, sizeof(why) - n, "%s%.250s", r->reason[0] ? "; " : "", r->reason);
	memcpy(r->reason, why, sizeof(r->reason));
}

/* ---- targets that cannot be seen from here ---- */

/* Each of the names is cut somewhere, the one in a manifest first. */
static bool same_target(const char *a, const char *b)
{
	return strncmp(a, b, EVIDENCE_TRIED_LEN - 1) == 0;
}

static bool was_given(const struct receipt *r, const char *target)
{
	for (size_t i = 0; i < r->ntargets; i++)
		if (same_target(r->targets[i], target))
			return true;
	// Of a boot without a mark nobody knows.
	return !r->ntargets;
}

/* A manifest of this crash tells how it went there. */
static bool was_tried(const struct verdict *v, const struct receipt *r, const char *target)
{
	for (size_t i = 0; i < v->f->captures->n; i++) {
		const struct capture *c = &v->f->captures->rows[i];

		for (size_t k = 0; k < c->ntried && same_crash(r, c); k++)
			if (same_target(c->tried[k], target))
				return true;
	}
	return false;
}

/* Where a dump of it may lie that nothing here tells of: "ssh kdump@vault, nfs ..."; "". */
static void find_unseen(const struct verdict *v, const struct receipt *r,
			char ret[static RECEIPT_LINE_MAX])
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < v->f->nunseen; i++) {
		const char *name = v->f->unseen[i];

		if (!was_given(r, name) || was_tried(v, r, name))
			continue;
		used += snprintf(ret + used, RECEIPT_LINE_MAX - used, "%s%s", used ? ", " : "",
				 name);
		if (used >= RECEIPT_LINE_MAX)
			return;
	}
}

/* Whether @log says that there is @what ("complete on ") on a target that cannot be seen. */
static bool is_told(const struct verdict *v, const struct pstore_log *log, const char *what)
{
	size_t n = strlen(what);

	if (strncmp(log->told, what, n) != 0)
		return false;
	for (size_t i = 0; i < v->f->nunseen; i++) {
		size_t len = strnlen(v->f->unseen[i], EVIDENCE_TRIED_LEN - 1);
		const char *end = log->told + n + len;

		// Where it can be seen it would have been found.
		if (len && strncmp(log->told + n, v->f->unseen[i], len) == 0 &&
		    (!*end || strncmp(end, " in ", 4) == 0 || strncmp(end, ": ", 2) == 0))
			return true;
	}
	return false;
}

/*
 * The capture kernel's last word makes @r better than what can be seen from here; its sentence
 * is made then.
 */
static bool is_better_told(const struct verdict *v, struct receipt *r, const struct pstore_log *log)
{
	bool complete = is_told(v, log, "complete on ");
	enum receipt_outcome outcome = complete ? RECEIPT_CAPTURED : RECEIPT_PARTIAL;
	const char *status = complete ? "complete" : "incomplete", *why;
	char where[RECEIPT_LINE_MAX];

	if (!complete && !is_told(v, log, "incomplete on "))
		return false;
	if (r->ndumps && r->outcome <= outcome)
		return false;
	r->outcome = outcome;
	why = strstr(log->told, ": ");
	snprintf(where, sizeof(where), "%.*s", (int)(why ? why - log->told : INT_MAX), log->told);
	r->stage[0] = '\0';
	snprintf(r->reason, sizeof(r->reason), "%s", why ? why + 2 : "");
	add_dump(r, true, where + strlen(status) + strlen(" on "), status);
	SAY(r, "%s dump on %.200s%s%.180s (as the capture kernel said in pstore)", status,
	    r->dumps[0].path, why ? ": " : "", r->reason);
	return true;
}

/* Behind the sentence, whose end goes where both have no room. */
static void add_doubt(struct receipt *r, const char *unseen)
{
	char tail[RECEIPT_LINE_MAX];
	size_t n = snprintf(tail, sizeof(tail),
			    "; whether a dump reached %.200s can only be seen there", unseen);
	size_t at = strlen(r->summary);

	if (at + n >= sizeof(r->summary))
		at = sizeof(r->summary) - 1 - n;
	memcpy(r->summary + at, tail, n + 1);
}

/* ---- crashes of which a target has something: the sentence ---- */

static void say_captured(const struct verdict *v, struct receipt *r, const struct pstore_log *log)
{
	const char *why = r->reason[0] ? r->reason : "no reason was given";
	const char *where = r->ndumps ? r->dumps[0].path : "";
	const char *stage = r->stage[0] ? r->stage : "unknown";
	char unseen[RECEIPT_LINE_MAX] = "";

	if (is_better_told(v, r, log))
		return;
	// Where it had its last word, nothing else is to be found.
	if (!log->told[0] && (r->outcome == RECEIPT_PARTIAL || r->outcome == RECEIPT_FAILED))
		find_unseen(v, r, unseen);
	if (unseen[0] && r->outcome == RECEIPT_FAILED)
		r->outcome = RECEIPT_UNKNOWN;
	switch (r->outcome) {
	case RECEIPT_CAPTURED:
		SAY(r, "complete dump in %.300s%s%.180s", where, r->reason[0] ? "; " : "",
		    r->reason);
		break;
	case RECEIPT_PARTIAL:
		SAY(r, "incomplete dump in %.250s: %.220s", where, why);
		break;
	case RECEIPT_SMALL:
		SAY(r, "only the small files, in %.220s: %.220s", where, why);
		break;
	default:
		SAY(r,
		    "no dump%s; the capture failed at stage '%.40s': %.160s; what was saved is in "
		    "%.200s",
		    unseen[0] ? " here" : "", stage, why, where);
		break;
	}
	if (unseen[0])
		add_doubt(r, unseen);
}

/* ---- boots of which no target has anything ---- */

/* By what pstore has, and by what it has not. */
static void judge_not_captured(struct receipt *r, const struct pstore_log *log, const char *unseen)
{
	bool record = log->record, panic = log->panic;
	const char *nomem = log->nomem;

	if (log->governed[0] && record) {
		r->outcome = RECEIPT_SMALL;
		memcpy(r->reason, log->governed, sizeof(r->reason));
	} else if (record && nomem[0]) {
		// It came to no target.
		r->outcome = RECEIPT_FAILED;
		snprintf(r->stage, sizeof(r->stage), "boot of the capture kernel");
		snprintf(r->reason, sizeof(r->reason), "%.300s", nomem);
	} else if (record) {
		r->outcome = unseen[0] && !log->told[0] ? RECEIPT_UNKNOWN : RECEIPT_FAILED;
		snprintf(r->stage, sizeof(r->stage), "target");
		snprintf(r->reason, sizeof(r->reason),
			 "the capture kernel left its panic record in pstore, and nothing here%s"
			 "%.300s",
			 log->told[0] ? "; it said: " : "", log->told);
	} else if (panic) {
		r->outcome = RECEIPT_NO_CAPTURE;
		snprintf(r->stage, sizeof(r->stage), "boot of the capture kernel");
		snprintf(r->reason, sizeof(r->reason),
			 "a panic is in pstore, and no trace of the capture kernel");
	} else {
		r->outcome = unseen[0] ? RECEIPT_UNKNOWN : RECEIPT_UNCLEAN;
		snprintf(
			r->reason, sizeof(r->reason),
			"unclean shutdown without panic record, and no trace of the capture kernel");
	}
	if (record && nomem[0] && r->outcome == RECEIPT_FAILED)
		say_memory(r, "");
	else if (!record && r->needs > r->reserved && r->reserved)
		say_memory(r, panic ? "" : "if it was a crash, ");
}

static void say_not_captured(const struct verdict *v, struct receipt *r,
			     const struct pstore_log *log)
{
	const char *dog = v->f->watchdog_reset ? "; a watchdog has reset it" : "";
	char unseen[RECEIPT_LINE_MAX];

	if (is_better_told(v, r, log))
		return;
	find_unseen(v, r, unseen);
	judge_not_captured(r, log, unseen);
	if (r->outcome == RECEIPT_SMALL)
		SAY(r, "nothing but a panic record in pstore: %.300s", r->reason);
	else if (r->outcome == RECEIPT_UNKNOWN)
		SAY(r, "%.200s%s", r->reason, dog);
	else if (r->outcome == RECEIPT_NO_CAPTURE)
		SAY(r,
		    "%.160s: the capture kernel never came up, or died before it could say a "
		    "word%s%s%.160s",
		    r->reason, dog, unseen[0] ? "; not seen from here: " : "", unseen);
	else if (r->outcome == RECEIPT_FAILED)
		SAY(r, "no dump; the capture failed at stage '%.40s': %.380s%s", r->stage,
		    r->reason, dog);
	else
		SAY(r,
		    "%.200s: power loss, reset or hang, or a capture kernel that never came up%s",
		    r->reason, dog);
	if (r->outcome == RECEIPT_UNKNOWN)
		add_doubt(r, unseen);
}

static void add_marks(struct verdict *v)
{
	for (size_t i = 0; i < v->f->nmarks; i++) {
		struct receipt *r = &v->rows[v->n];

		if (v->mark_used[i])
			continue;
		*r = (struct receipt){.not_before = v->f->marks[i].time,
				      .not_after = v->f->boot_time};
		take_mark(v, r, i);
		v->n++;
	}
}

/* ---- pstore ---- */

/* The last boot that was armed before @time; "" when there is none. */
static const char *boot_before(const struct verdict *v, uint64_t time)
{
	const char *boot_id = "";

	for (size_t i = 0; i < v->f->nmarks; i++)
		if (v->f->marks[i].time <= time)
			boot_id = v->f->marks[i].boot_id;
	return boot_id;
}

/* The row of the crash that @log is of, as its record says when that was; v->n: it does not. */
static size_t row_of(const struct verdict *v, const struct pstore_log *log)
{
	uint64_t t = log->record ? log->crash_time : 0;
	const char *boot_id = boot_before(v, t);
	size_t found = v->n;

	for (size_t i = 0; i < v->n && t; i++) {
		const struct receipt *r = &v->rows[i];

		if ((r->crash_time > t ? r->crash_time - t : t - r->crash_time) <= SAME_TIME)
			return i;
		if (boot_id[0] && strcmp(r->boot_id, boot_id) == 0)
			found = i;
	}
	return found;
}

/*
 * What does not say is of the last of @ncaptured crashes, or of the capture of it, else of the
 * last boot that ended so; where there is none, of one that had no capture kernel of ours.
 */
static void give_logs(struct verdict *v, size_t ncaptured)
{
	size_t last = ncaptured ? ncaptured - 1 : v->n ? v->n - 1 : 0;

	for (size_t i = 0; i < v->f->pstore->n; i++) {
		v->owner[i] = row_of(v, &v->f->pstore->logs[i]);
		if (v->owner[i] == v->n)
			v->owner[i] = last;
	}
}

static void add_log(struct pstore_log *sum, const struct pstore_log *log)
{
	sum->panic = sum->panic || log->panic;
	sum->record = sum->record || log->record;
	if (!sum->crash_time)
		sum->crash_time = log->crash_time;
	copy_if_empty(sum->panic_line, sizeof(sum->panic_line), log->panic_line);
	copy_if_empty(sum->nomem, sizeof(sum->nomem), log->nomem);
	copy_if_empty(sum->governed, sizeof(sum->governed), log->governed);
}

/*
 * The logs of row @k, whole ones, the latest first, as long as its evidence can name them. @sum:
 * what they say together; the kernel that crashed came before the one that captured it.
 */
static void take_logs(const struct verdict *v, size_t k, struct pstore_log *sum)
{
	const struct pstore_found *p = v->f->pstore;
	struct receipt *r = &v->rows[k];
	size_t room = RECEIPT_EVIDENCE_MAX - r->nevidence, from = p->n;

	*sum = (struct pstore_log){.n = 0};
	for (; from; from--) {
		size_t n = v->owner[from - 1] == k ? p->logs[from - 1].n : 0;

		if (n > room)
			break;
		room -= n;
	}
	for (size_t i = from; i < p->n; i++) {
		const struct pstore_log *log = &p->logs[i];

		if (v->owner[i] != k)
			continue;
		add_log(sum, log);
		// Another crash's would make a dump of nothing.
		if (k < v->n && row_of(v, log) == k)
			copy_if_empty(sum->told, sizeof(sum->told), log->told);
		for (size_t j = 0; j < log->n; j++)
			receipt_add_evidence(r, p->evidence[log->first + j]);
	}
	copy_if_empty(r->panic, sizeof(r->panic), sum->panic_line);
	if (!r->crash_time)
		r->crash_time = sum->crash_time;
}

/* A panic in a boot that had no capture kernel of ours. */
static void add_unarmed(struct verdict *v)
{
	struct receipt *r = &v->rows[v->n];
	struct pstore_log sum;

	*r = (struct receipt){.outcome = RECEIPT_NOT_ARMED, .not_after = v->f->boot_time};
	take_logs(v, v->n, &sum);
	if (!sum.panic && !sum.record)
		return;
	if (sum.record)
		say_not_captured(v, r, &sum);
	else
		SAY(r,
		    "a panic is in pstore; no capture kernel was loaded by lifeboat in that boot");
	v->n++;
}

/* Nobody is to look for the cause of a crash that was wanted. */
static void say_test(struct receipt *r)
{
	char text[RECEIPT_LINE_MAX];

	if (!r->test)
		return;
	snprintf(text, sizeof(text), "a test: %.500s", r->summary);
	memcpy(r->summary, text, sizeof(r->summary));
}

size_t verdict_reach(const struct verdict_facts *f, struct receipt ret[static VERDICTS_MAX])
{
	struct verdict v = {.f = f, .rows = ret};
	struct pstore_log sum;
	size_t ncaptured;

	take_captures(&v);
	qsort(v.rows, v.n, sizeof(*v.rows), oldest_first);
	match_marks(&v);
	ncaptured = v.n;
	add_marks(&v);
	give_logs(&v, ncaptured);
	for (size_t i = 0; i < v.n; i++) {
		struct receipt *r = &v.rows[i];

		take_logs(&v, i, &sum);
		if (i >= ncaptured) {
			say_not_captured(&v, r, &sum);
			continue;
		}
		if (r->nomem && r->outcome != RECEIPT_CAPTURED)
			say_memory(r, "");
		say_captured(&v, r, &sum);
	}
	if (!v.n)
		add_unarmed(&v);
	for (size_t i = 0; i < v.n; i++) {
		v.rows[i].told_time = f->now;
		say_test(&v.rows[i]);
	}
	return v.n;
}
