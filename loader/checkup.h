/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checkup: what `lifeboat status` proves, line by line. A check is a function that looks at one
 * thing and says what it found; one that could not look says so, and never that all is well.
 */
#ifndef LOADER_CHECKUP_H
#define LOADER_CHECKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loader/crashmem.h"
#include "loader/corehdr.h"
#include "loader/coverage.h"
#include "loader/initrd.h"
#include "loader/iomem.h"
#include "loader/loadplan.h"
#include "loader/receipt.h"
#include "loader/state.h"

struct context;
struct vmcore;

enum {
	FINDINGS_MAX = 48,
	FINDING_NAME_MAX = 24,
	FINDING_TEXT_MAX = 768,
	FINDING_REMEDY_MAX = 512,
};

/* As the exit code of status says it, of the worst. */
enum check_verdict {
	CHECK_OK, /* it was looked at, and is as it should be */
	CHECK_WARN, /* a dump is to be expected, but not as it should be, or that cannot be told */
	CHECK_FAIL, /* no dump is to be expected, or not the one that was asked for */
};

struct finding {
	char name[FINDING_NAME_MAX]; /* of the check; of a target with its number */
	enum check_verdict verdict;
	char text[FINDING_TEXT_MAX]; /* one line */
	char remedy[FINDING_REMEDY_MAX]; /* what to do; "" when nothing is to be done */
};

/* The machine as it is now, each part read once. Of one that could not be, err.code is not 0. */
struct checkup {
	const struct context *ctx;
	bool network; /* other machines may be asked */
	bool full; /* every byte of what is loaded */
	uint64_t now; /* seconds since 1970 */
	struct err facts_err, config_err, kernel_err, initrd_err, cmdline_err;
	struct loadplan *plan; /* what would be loaded now */
	struct err state_err;
	struct state state; /* what was */
	struct err contents_err;
	struct initrd contents; /* what is in the initrd of now; by checkup_contents() */
	bool contents_read;
	struct err iomem_err;
	struct iomem iomem;
	struct err corehdr_err;
	struct corehdr corehdr; /* as it would be made now */
	uint64_t vmcoreinfo, vmcoreinfo_size; /* of the note; with corehdr */
	struct err kcore_err;
	struct vmcore *kcore; /* memory of the running kernel; NULL */
	struct err crashmem_err;
	struct crashmem crashmem; /* what is in reserved memory */
	struct err coverage_err;
	struct coverage coverage; /* what of corehdr the elfcorehdr there has */
	struct err receipts_err;
	struct receipts receipts;
	struct finding findings[FINDINGS_MAX];
	size_t n;
	const char *check; /* that is at work */
};

typedef void check_run(struct checkup *c);

/* Reads the machine below ctx->root. ERR_NOMEM only: all else is for the checks to tell. */
int checkup_init(struct checkup *c, const struct context *ctx, struct err *err);
void checkup_deinit(struct checkup *c);

/* Runs one check, called @name: whatever it does, there is a finding of it. */
void checkup_run(struct checkup *c, const char *name, check_run *run);

/* What is in the initrd that would be loaded now, unpacked once; NULL, and then contents_err says why. */
const struct initrd *checkup_contents(struct checkup *c);

/* What a check found. @remedy may be NULL. */
void check_ok(struct checkup *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void check_warn(struct checkup *c, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void check_fail(struct checkup *c, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "ok", "warn", "fail" */
const char *check_verdict_name(enum check_verdict v);

/* "2026-11-21 03:44 UTC" */
enum {
	CHECK_DATE_LEN = 24,
};
const char *check_date(uint64_t t, char buf[static CHECK_DATE_LEN]);

/* ---- what is loaded: check_load.c, check_image.c, check_need.c ---- */
check_run check_reserved, check_need, check_loaded, check_record, check_config, check_kernel,
	check_initrd, check_cmdline, check_image;

/* ---- how it will reach the targets: check_network.c ---- */
check_run check_network;

/* ---- what it will find: check_notes.c ---- */
check_run check_cpus, check_memory, check_vmcoreinfo;

/* ---- where it goes: check_targets.c ---- */
check_run check_targets, check_upkeep;

/* ---- what leads there, and what can still be changed: check_kernelrules.c ---- */
check_run check_triggers, check_reload;

/* ---- what has proven it: check_history.c ---- */
check_run check_rehearsal, check_test, check_receipts;

/* Whether a rehearsal with the kernel, initrd, configuration and command line of now reached all targets. */
bool check_rehearsed(const struct checkup *c);

/* ---- who may change it: check_files.c ---- */
check_run check_files;

#endif
