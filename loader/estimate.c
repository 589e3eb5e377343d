// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat estimate: how much memory the capture kernel needs, line by line, and what peers ask. */
#include "loader/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "loader/peers.h"
#include "loader/sizing.h"

enum {
	TEXT_MAX = 32 << 10,
	EXIT_TOO_SMALL = 1,
};

static const char *when_name(enum need_when when)
{
	switch (when) {
	case NEED_AT_BOOT:
		return "at boot";
	case NEED_AT_WORK:
		return "at work";
	case NEED_ALWAYS:
		break;
	}
	return "always";
}

static size_t ask_peers(const struct sizing *s, struct peer peers[static PEERS_MAX])
{
	const struct need_facts *f = &s->need_facts;
	const struct peers_facts facts = {
		.memory = f->memory,
		.kernel = f->kernel,
		.modules = f->modules,
		.initrd = f->initrd_packed,
		.luks = f->luks_memory,
		.network = f->network,
	};

	return peers_ask(&facts, peers);
}

static void print_mib(FILE *out, uint64_t bytes)
{
	fprintf(out, "%6" PRIu64 ".%" PRIu64 " MiB", bytes >> 20, (bytes >> 10 & 1023) * 10 / 1024);
}

static void print_lines(FILE *out, const struct need *n)
{
	for (size_t i = 0; i < n->n; i++) {
		print_mib(out, n->lines[i].bytes);
		fprintf(out, "  %-7s  %-14s  %s\n", when_name(n->lines[i].when), n->lines[i].name,
			n->lines[i].source);
	}
	print_mib(out, n->always + n->boot);
	fprintf(out, "  when the initrd is unpacked\n");
	print_mib(out, n->always + n->work);
	fprintf(out, "  when the dump is made\n");
}

static void print_reservation(FILE *out, const struct sizing *s)
{
	uint64_t want = need_reserve(s->next), stays = need_reserve(s->bytes);

	if (s->facts.crash_size <= 0) {
		fprintf(out,
			"reserved: nothing; add crashkernel=%lluM to the kernel command line and "
			"reboot (lifeboat reset-crashkernel does it)\n",
			facts_mib(want));
		return;
	}
	fprintf(out, "reserved: %llu MiB", facts_mib(s->facts.crash_size));
	if ((uint64_t)s->facts.crash_size < s->bytes)
		fprintf(out,
			", TOO SMALL by %llu MiB; make it crashkernel=%lluM and reboot (lifeboat "
			"reset-crashkernel does it)\n",
			facts_mib(s->bytes - s->facts.crash_size), facts_mib(want));
	else if ((uint64_t)s->facts.crash_size > stays)
		fprintf(out,
			", %llu MiB more than needed with a margin (lifeboat shrink gives them "
			"back)\n",
			facts_mib(s->facts.crash_size - stays));
	else
		fprintf(out, ", enough\n");
}

static void print_text(FILE *out, const struct sizing *s)
{
	struct peer peers[PEERS_MAX];
	size_t n = ask_peers(s, peers);

	fprintf(out, "kernel: %s\ninitrd: %s\nmemory of this machine: %llu MiB\n\n", s->kernel.path,
		s->initrd.path, facts_mib(s->need_facts.memory));
	print_lines(out, &s->need);
	fprintf(out, "computed: %llu MiB\n", facts_mib(s->need.total));
	if (s->measured.need)
		fprintf(out, "measured: %llu MiB, by %s\n", facts_mib(s->measured.need),
			s->measured.whole.source);
	else
		fprintf(out,
			"measured: nothing with this kernel and initrd yet; `lifeboat calibrate` "
			"does, and each capture\n");
	if (s->measured.least.bytes)
		fprintf(out, "at least: %llu MiB, by %s: it ran out of memory or was cut short\n",
			facts_mib(s->measured.least.bytes), s->measured.least.source);
	fprintf(out, "needed: %llu MiB; with a margin, wherever it will lie: crashkernel=%lluM\n",
		facts_mib(s->bytes), facts_mib(need_reserve(s->next)));
	print_reservation(out, s);
	fprintf(out, "\nothers would ask for:\n");
	for (size_t i = 0; i < n; i++) {
		print_mib(out, peers[i].bytes);
		fprintf(out, "  %s: %s\n", peers[i].name, peers[i].rule);
	}
}

static void put_lines(struct json *j, const struct need *n)
{
	json_array(j, "lines");
	for (size_t i = 0; i < n->n; i++) {
		json_object(j, NULL);
		json_string(j, "name", n->lines[i].name);
		json_string(j, "when", when_name(n->lines[i].when));
		json_u64(j, "bytes", n->lines[i].bytes);
		json_string(j, "source", n->lines[i].source);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_peers(struct json *j, const struct sizing *s)
{
	struct peer peers[PEERS_MAX];
	size_t n = ask_peers(s, peers);

	json_array(j, "peers");
	for (size_t i = 0; i < n; i++) {
		json_object(j, NULL);
		json_string(j, "name", peers[i].name);
		json_u64(j, "bytes", peers[i].bytes);
		json_string(j, "rule", peers[i].rule);
		json_object_end(j);
	}
	json_array_end(j);
}

static int print_json(FILE *out, const struct sizing *s, struct err *err)
{
	CLEANUP_FREE char *text = malloc(TEXT_MAX);
	struct json j;

	if (!text)
		return err_set(err, ERR_NOMEM, "no memory for the answer");
	json_init(&j, text, TEXT_MAX);
	json_object(&j, NULL);
	json_u64(&j, "estimate_version", 1);
	json_string(&j, "kernel", s->kernel.path);
	json_string(&j, "initrd", s->initrd.path);
	json_string(&j, "images", s->images);
	json_u64(&j, "memory_bytes", s->need_facts.memory);
	put_lines(&j, &s->need);
	json_u64(&j, "boot_bytes", s->need.always + s->need.boot);
	json_u64(&j, "work_bytes", s->need.always + s->need.work);
	json_u64(&j, "computed_bytes", s->need.total);
	json_u64(&j, "measured_bytes", s->measured.need);
	json_string(&j, "measured_by", s->measured.whole.source);
	json_u64(&j, "least_bytes", s->measured.least.bytes);
	json_string(&j, "least_by", s->measured.least.source);
	json_u64(&j, "need_bytes", s->bytes);
	json_u64(&j, "crashkernel_bytes", need_reserve(s->next));
	json_u64(&j, "reserved_bytes", s->facts.crash_size > 0 ? s->facts.crash_size : 0);
	put_peers(&j, s);
	json_object_end(&j);
	if (j.overflow)
		return err_set(err, ERR_LIMIT, "the answer is too long");
	fprintf(out, "%s\n", text);
	return 0;
}

int command_estimate(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct config *c = malloc(sizeof(*c));
	CLEANUP_FREE struct sizing *s = malloc(sizeof(*s));
	bool json = ctx->nwords == 1 && strcmp(ctx->words[0], "--json") == 0;
	int rc;

	if (!c || !s)
		return err_set(err, ERR_NOMEM, "no memory to estimate");
	if (ctx->nwords != json)
		return err_set(err, ERR_USAGE, "the only word behind it is --json");
	rc = command_read_config(ctx, "estimate", c, err);
	if (!rc)
		rc = sizing_gather(s, ctx->root, c, NULL, err);
	if (rc)
		return rc;
	if (s->note[0])
		fprintf(ctx->diag, "lifeboat: estimate: note: %s\n", s->note);
	if (json)
		rc = print_json(ctx->out, s, err);
	else
		print_text(ctx->out, s);
	if (rc)
		return rc;
	return s->facts.crash_size < (int64_t)s->bytes ? EXIT_TOO_SMALL : 0;
}
