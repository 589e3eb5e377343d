// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/checkup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "crashnotes/elfcorehdr.h"
#include "loader/command.h"
#include "vmcore/vmcore.h"

/* Some leave words of what they made good themselves. */
static void keep(int rc, struct err *err)
{
	if (rc >= 0)
		err->code = 0;
}

static void read_plan(struct checkup *c)
{
	struct loadplan *p = c->plan;

	keep(loadplan_facts(p, c->ctx, &c->facts_err), &c->facts_err);
	// What one needs of another and has not got is the other's failure.
	c->config_err = c->facts_err;
	if (!c->config_err.code)
		keep(loadplan_config(p, c->ctx, NULL, &c->config_err), &c->config_err);
	c->kernel_err = c->config_err;
	if (!c->kernel_err.code)
		keep(loadplan_kernel(p, c->ctx, &c->kernel_err), &c->kernel_err);
	c->initrd_err = c->kernel_err;
	if (!c->initrd_err.code)
		keep(loadplan_initrd(p, c->ctx, &c->initrd_err), &c->initrd_err);
	c->cmdline_err = c->initrd_err;
	if (!c->cmdline_err.code)
		keep(loadplan_cmdline(p, c->ctx, &c->cmdline_err), &c->cmdline_err);
}

static void read_corehdr(struct checkup *c)
{
	c->corehdr_err = c->iomem_err;
	if (!c->corehdr_err.code)
		keep(corehdr_build(&c->corehdr, c->ctx->root, &c->iomem, &c->corehdr_err),
		     &c->corehdr_err);
	if (!c->corehdr_err.code)
		keep(corehdr_vmcoreinfo(c->ctx->root, &c->vmcoreinfo, &c->vmcoreinfo_size,
					&c->corehdr_err),
		     &c->corehdr_err);
}

/* Where the record says; else it is looked for. */
static void read_crashmem(struct checkup *c)
{
	struct crashmem_want want = {.cmdline = c->plan->cmdline,
				     .initrd_size = c->plan->initrd.size};

	c->crashmem_err = c->kcore_err.code ? c->kcore_err : c->iomem_err;
	if (c->crashmem_err.code)
		return;
	if (!c->state_err.code && c->state.params &&
	    !crashmem_read(&c->crashmem, c->kcore, c->state.params, NULL))
		return;
	keep(crashmem_find(&c->crashmem, c->kcore, &c->iomem, &want, &c->crashmem_err),
	     &c->crashmem_err);
}

static void read_coverage(struct checkup *c)
{
	CLEANUP_FREE struct elfcorehdr_segment *list = NULL;
	struct err *err = &c->coverage_err;
	size_t n = 0;

	*err = c->crashmem_err.code ? c->crashmem_err : c->corehdr_err;
	if (!err->code)
		keep(crashmem_corehdr(c->kcore, &c->crashmem, &list, &n, err), err);
	if (!err->code)
		keep(coverage_of(&c->coverage, &c->corehdr, c->vmcoreinfo, list, n, err), err);
}

int checkup_init(struct checkup *c, const struct context *ctx, struct err *err)
{
	c->ctx = ctx;
	c->now = time(NULL);
	c->plan = loadplan_create();
	if (!c->plan)
		return err_set(err, ERR_NOMEM, "no memory to look at what is loaded");
	read_plan(c);
	keep(state_read(&c->state, ctx->root, &c->state_err), &c->state_err);
	keep(iomem_read(&c->iomem, ctx->root, &c->iomem_err), &c->iomem_err);
	read_corehdr(c);
	keep(crashmem_open(ctx->root, &c->kcore, &c->kcore_err), &c->kcore_err);
	read_crashmem(c);
	read_coverage(c);
	keep(receipts_load(&c->receipts, ctx->root, &c->receipts_err), &c->receipts_err);
	return 0;
}

void checkup_deinit(struct checkup *c)
{
	loadplan_destroy(c->plan);
	iomem_free(&c->iomem);
	corehdr_deinit(&c->corehdr);
	receipts_free(&c->receipts);
	initrd_close(&c->contents);
	if (c->kcore)
		vmcore_close(c->kcore);
}

const struct initrd *checkup_contents(struct checkup *c)
{
	if (!c->contents_read) {
		c->contents_read = true;
		// One that may not be loaded can be looked at all the same.
		if (!c->plan->initrd.path[0])
			c->contents_err = c->initrd_err;
		else
			keep(initrd_open(&c->contents, c->ctx->root, c->plan->initrd.path,
					 &c->contents_err),
			     &c->contents_err);
	}
	return c->contents_err.code ? NULL : &c->contents;
}

/* A line is a line, whatever it quotes. */
static void one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
}

static void __attribute__((format(printf, 4, 0)))
add(struct checkup *c, enum check_verdict verdict, const char *remedy, const char *fmt, va_list ap)
{
	struct finding *f = &c->findings[c->n];

	if (c->n == FINDINGS_MAX)
		return;
	c->n++;
	*f = (struct finding){.verdict = verdict};
	snprintf(f->name, sizeof(f->name), "%s", c->check);
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy ? remedy : "");
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	one_line(f->text);
}

void check_ok(struct checkup *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, CHECK_OK, NULL, fmt, ap);
	va_end(ap);
}

void check_warn(struct checkup *c, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, CHECK_WARN, remedy, fmt, ap);
	va_end(ap);
}

void check_fail(struct checkup *c, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, CHECK_FAIL, remedy, fmt, ap);
	va_end(ap);
}

void checkup_run(struct checkup *c, const char *name, check_run *run)
{
	size_t before = c->n;

	c->check = name;
	run(c);
	c->check = name;
	if (c->n == before)
		check_fail(c, NULL, "it was not looked at");
}

const char *check_verdict_name(enum check_verdict v)
{
	static const char *const names[] = {
		[CHECK_OK] = "ok",
		[CHECK_WARN] = "warn",
		[CHECK_FAIL] = "fail",
	};

	return names[v];
}

const char *check_date(uint64_t t, char buf[static CHECK_DATE_LEN])
{
	time_t seconds = t;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(buf, CHECK_DATE_LEN, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(buf, CHECK_DATE_LEN, "an unknown time");
	return buf;
}
