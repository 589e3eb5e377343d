// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat status: proves, line by line, that a crash of this machine would leave the dump that was
 * asked for; for people, as JSON, and for the textfile collector of Prometheus.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "loader/checkup.h"
#include "loader/command.h"

enum {
	JSON_MAX = 256 << 10,
};

/* The order in which they are told: what others hang on comes first. */
static const struct check {
	const char *name;
	check_run *run;
} checks[] = {
	{"reserved", check_reserved},	{"need", check_need},
	{"loaded", check_loaded},	{"record", check_record},
	{"config", check_config},	{"kernel", check_kernel},
	{"initrd", check_initrd},	{"cmdline", check_cmdline},
	{"image", check_image},		{"cpus", check_cpus},
	{"memory", check_memory},	{"vmcoreinfo", check_vmcoreinfo},
	{"network", check_network},	{"target", check_targets},
	{"upkeep", check_upkeep},	{"triggers", check_triggers},
	{"reload", check_reload},	{"files", check_files},
	{"rehearsal", check_rehearsal}, {"test", check_test},
	{"receipts", check_receipts},
};

struct wishes {
	bool json;
	const char *prometheus; /* a file, NULL: none */
};

static enum check_verdict worst(const struct checkup *c)
{
	enum check_verdict v = CHECK_OK;

	for (size_t i = 0; i < c->n; i++)
		if (c->findings[i].verdict > v)
			v = c->findings[i].verdict;
	return v;
}

static void print_text(const struct checkup *c)
{
	static const char *const words[] = {
		[CHECK_OK] = "armed, and all of it proven",
		[CHECK_WARN] = "armed, with doubts",
		[CHECK_FAIL] = "not as it should be: do not count on a dump",
	};

	for (size_t i = 0; i < c->n; i++) {
		const struct finding *f = &c->findings[i];

		fprintf(c->ctx->out, "%-4s  %-10s  %s\n", check_verdict_name(f->verdict), f->name,
			f->text);
		if (f->remedy[0])
			fprintf(c->ctx->out, "%16s  -> %s\n", "", f->remedy);
	}
	fprintf(c->ctx->out, "%s\n", words[worst(c)]);
}

static int print_json(const struct checkup *c, struct err *err)
{
	CLEANUP_FREE char *text = malloc(JSON_MAX);
	struct json j;

	if (!text)
		return err_set(err, ERR_NOMEM, "no memory for the answer");
	json_init(&j, text, JSON_MAX);
	json_object(&j, NULL);
	json_u64(&j, "status_version", 1);
	json_u64(&j, "time", c->now);
	json_string(&j, "status", check_verdict_name(worst(c)));
	json_array(&j, "checks");
	for (size_t i = 0; i < c->n; i++) {
		json_object(&j, NULL);
		json_string(&j, "name", c->findings[i].name);
		json_string(&j, "status", check_verdict_name(c->findings[i].verdict));
		json_string(&j, "text", c->findings[i].text);
		json_string(&j, "remedy", c->findings[i].remedy);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	if (j.overflow)
		return err_set(err, ERR_LIMIT, "the answer is too long");
	fprintf(c->ctx->out, "%s\n", text);
	return 0;
}

/* ---- Prometheus: the text format, version 0.0.4 ---- */

static void metric(FILE *f, const char *name, const char *help)
{
	fprintf(f, "# HELP lifeboat_%s %s\n# TYPE lifeboat_%s gauge\n", name, help, name);
}

static void number(FILE *f, const char *name, const char *help, uint64_t value)
{
	metric(f, name, help);
	fprintf(f, "lifeboat_%s %" PRIu64 "\n", name, value);
}

static void print_metrics(const struct checkup *c, FILE *f)
{
	const struct facts *facts = &c->plan->facts;

	metric(f, "check", "0 ok, 1 warning, 2 failure, of each line of lifeboat status.");
	for (size_t i = 0; i < c->n; i++)
		fprintf(f, "lifeboat_check{check=\"%s\"} %d\n", c->findings[i].name,
			c->findings[i].verdict);
	number(f, "status", "The worst of lifeboat_check.", worst(c));
	number(f, "status_time_seconds", "When lifeboat status was run.", c->now);
	number(f, "loaded", "Whether a capture kernel is in place.", facts->crash_loaded == 1);
	number(f, "reserved_bytes", "Memory reserved for it.",
	       facts->crash_size > 0 ? facts->crash_size : 0);
	if (!c->state_err.code)
		number(f, "load_time_seconds", "When it was loaded.", c->state.time);
	number(f, "receipts", "Crashes that are known.", c->receipts.n);
	if (c->receipts.n)
		number(f, "last_crash_time_seconds", "When the last of them was.",
		       c->receipts.rows[0].crash_time);
}

/* In one piece: who reads the directory must never see a half. */
static int write_metrics(const struct checkup *c, const char *file, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_CLOSE int fd = -1;
	char temp[FACTS_PATH_MAX];
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int rc;

	if (!f)
		return err_set(err, ERR_NOMEM, "no memory for %s", file);
	print_metrics(c, f);
	if (fclose(f))
		return err_set(err, ERR_NOMEM, "no memory for %s", file);
	if (snprintf(temp, sizeof(temp), "%s.%d", file, (int)getpid()) >= (int)sizeof(temp))
		return err_set(err, ERR_LIMIT, "%.64s...: name too long", file);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "%s", temp);
	rc = io_write(fd, text, size, err);
	// The collector of metrics is another user, whatever the umask of this one.
	if (!rc && (fchmod(fd, 0644) || rename(temp, file)))
		rc = err_sys(err, "%s", file);
	if (rc)
		unlink(temp);
	return rc;
}

static int read_words(const struct context *ctx, struct checkup *c, struct wishes *w,
		      struct err *err)
{
	for (size_t i = 0; i < ctx->nwords; i++) {
		const char *word = ctx->words[i];

		if (strcmp(word, "--json") == 0)
			w->json = true;
		else if (strcmp(word, "--network") == 0)
			c->network = true;
		else if (strcmp(word, "--full") == 0)
			c->full = true;
		else if (strncmp(word, "--prometheus=", 13) == 0 && word[13])
			w->prometheus = word + 13;
		else if (strcmp(word, "--prometheus") == 0 && i + 1 < ctx->nwords)
			w->prometheus = ctx->words[++i];
		else
			return err_set(
				err, ERR_USAGE,
				"'%.64s': expected --json, --network, --full or --prometheus "
				"FILE",
				word);
	}
	return 0;
}

int command_status(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct checkup *c = calloc(1, sizeof(*c));
	struct wishes w = {.json = false};
	struct err why = {0};
	int rc;

	if (!c)
		return err_set(err, ERR_NOMEM, "no memory to look at what is loaded");
	rc = read_words(ctx, c, &w, err);
	if (rc)
		return rc;
	// Most of it nobody else may see, and nothing is to look well for that reason.
	if (!ctx->root[0] && geteuid() != 0)
		return err_set(err, ERR_USAGE, "only root sees what is loaded: run it as root");
	rc = checkup_init(c, ctx, err);
	for (size_t i = 0; i < ARRAY_SIZE(checks) && !rc; i++)
		checkup_run(c, checks[i].name, checks[i].run);
	if (!rc && w.json)
		rc = print_json(c, err);
	else if (!rc)
		print_text(c);
	if (!rc)
		rc = worst(c);
	// What cannot be written is no reason to tell less of what was found.
	if (rc >= 0 && w.prometheus && write_metrics(c, w.prometheus, &why)) {
		fprintf(ctx->diag, "lifeboat: status: %s\n", why.msg);
		rc = rc > CHECK_WARN ? rc : CHECK_WARN;
	}
	checkup_deinit(c);
	return rc;
}
