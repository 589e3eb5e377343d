// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks of what the capture kernel will find: notes of CPUs, memory, vmcoreinfo. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/numlist.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/vmcoreinfo.h"
#include "loader/checkup.h"
#include "loader/command.h"
#include "vmcore/kmem.h"
#include "vmcore/memmodel.h"
#include "vmcore/pageclass.h"
#include "vmcore/printk.h"
#include "vmcore/vmcore.h"

#define RELOAD "run `lifeboat reload`"

enum {
	LIST_MAX = 64 << 10,
};

/* The first CPU that is present and keeps no note; -1: each does. -2: none can be told. */
static int without_note(const struct checkup *c)
{
	CLEANUP_FREE char *list = NULL;
	char path[FACTS_PATH_MAX];
	size_t i = 0;

	if (facts_path(path, sizeof(path), c->ctx->root, "/sys/devices/system/cpu/present", NULL) ||
	    io_read_file(path, LIST_MAX, &list, NULL, NULL) || numlist_next(list, -1) < 0)
		return -2;
	for (int cpu = -1; (cpu = numlist_next(list, cpu)) >= 0;) {
		while (i < c->corehdr.ncpus && c->corehdr.notes[i].cpu < (unsigned int)cpu)
			i++;
		if (i == c->corehdr.ncpus || c->corehdr.notes[i].cpu != (unsigned int)cpu)
			return cpu;
	}
	return -1;
}

/*
 * What is loaded cannot be read back: then the word of the kernel that it sees to changes itself
 * is all there is, or that nothing has changed since the load. That is no proof.
 */
static void by_record(struct checkup *c, const char *what)
{
	char digest[IMAGE_DIGEST_LEN];

	if (c->plan->facts.crash_loaded != 1) {
		check_fail(c, "run `lifeboat load`", "nothing is loaded that could have %s", what);
		return;
	}
	if (!c->kcore_err.code) {
		check_fail(c, RELOAD, "what is loaded has no %s that can be found: %s", what,
			   c->coverage_err.msg);
		return;
	}
	image_digest(c->corehdr.data, c->corehdr.size, digest);
	if (corehdr_hotplug(c->ctx->root) == 1)
		check_warn(c, NULL,
			   "the kernel itself keeps %s up to date; that cannot be looked at (%s)",
			   what, c->coverage_err.msg);
	else if (!c->state_err.code && strcmp(digest, c->state.machine.digest) == 0)
		check_warn(c, NULL,
			   "%s are those of the load; what is loaded cannot be looked at (%s)",
			   what, c->coverage_err.msg);
	else
		check_fail(c, RELOAD,
			   "%s may have changed since the load, and what is loaded cannot be "
			   "looked at: %s",
			   what, c->coverage_err.msg);
}

void check_cpus(struct checkup *c)
{
	const struct coverage *v = &c->coverage;
	int without;

	if (c->corehdr_err.code) {
		check_fail(c, "boot a kernel with CONFIG_CRASH_DUMP", "%s", c->corehdr_err.msg);
		return;
	}
	without = without_note(c);
	if (without >= 0)
		check_fail(c, NULL, "CPU %d is present, and the kernel keeps no note for it",
			   without);
	else if (without == -2)
		check_warn(
			c, NULL,
			"which CPUs are present cannot be read in /sys/devices/system/cpu/present");
	else if (c->coverage_err.code)
		by_record(c, "notes of CPUs");
	else if (v->cpus_missing)
		check_fail(
			c, RELOAD,
			"the notes of %zu CPUs, the first of them CPU %u, would not be in the dump: "
			"they came after the load",
			v->cpus_missing, v->cpu_missing);
	else
		check_ok(c, "each of %zu CPUs has its note in what is loaded", c->corehdr.ncpus);
}

void check_memory(struct checkup *c)
{
	const struct coverage *v = &c->coverage;

	if (c->corehdr_err.code)
		check_fail(c, NULL, "%s", c->corehdr_err.msg);
	else if (c->coverage_err.code)
		by_record(c, "ranges of memory");
	else if (v->memory_missing)
		check_fail(c, RELOAD,
			   "%llu MiB of memory, from %#" PRIx64
			   " on, would not be in the dump: they came "
			   "after the load",
			   facts_mib(v->memory_missing), v->first_missing);
	else if (v->memory_gone)
		check_fail(c, RELOAD,
			   "%llu MiB at %#" PRIx64
			   " are not memory any more, and the capture kernel would "
			   "read them",
			   facts_mib(v->memory_gone), v->first_gone);
	else
		check_ok(c, "all %llu MiB, in %zu ranges, are in what is loaded",
			 facts_mib(c->corehdr.memory), c->corehdr.nranges);
}

/* ---- vmcoreinfo ---- */

/* From the very place that the note of the dump will be taken from. */
static int read_info(const struct checkup *c, struct kmem *km, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = NULL;
	struct elfnote_iter it;
	struct elfnote note;
	struct err why = {0};
	int rc;

	if (c->vmcoreinfo_size > VMCOREINFO_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "a note of %" PRIu64 " bytes", c->vmcoreinfo_size);
	buf = malloc(c->vmcoreinfo_size);
	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for vmcoreinfo");
	rc = vmcore_read(c->kcore, c->vmcoreinfo, buf, c->vmcoreinfo_size, err);
	if (rc)
		return rc;
	elfnote_iter_init(&it, buf, c->vmcoreinfo_size);
	while ((rc = elfnote_next(&it, &note, err)) > 0)
		if (strcmp(note.name, VMCOREINFO_NOTE_NAME) == 0)
			break;
	if (!rc)
		rc = err_set(err, ERR_NOTFOUND, "there is no such note at %#" PRIx64,
			     c->vmcoreinfo);
	if (rc < 0)
		return rc;
	rc = kmem_init_text(km, c->kcore, note.desc, note.descsz, &why, err);
	if (!rc && !km->xlat)
		rc = err_set(err, ERR_NOTFOUND, "%s", why.msg);
	return rc;
}

static int read_kernel(void *ctx, vaddr_t va, void *buf, size_t size, struct err *err)
{
	return kmem_read(ctx, va, buf, size, err);
}

static int take_place(void *ctx, vaddr_t va, uint64_t size, struct err *err)
{
	uint64_t *bytes = ctx;

	(void)va, (void)err;
	*bytes += size;
	return 0;
}

/* Whether memory is what these words make of it: the kernel's release, and its log. */
static int prove(struct kmem *km, struct err *err)
{
	struct printk_io io = {.read = read_kernel, .read_ctx = km};
	uint64_t log = 0;

	if (!kmem_proven(km))
		return err_set(
			err, ERR_CORRUPT,
			"addresses cannot be translated by it: the kernel's release is not where "
			"it says");
	return printk_places(km->vi, &io, take_place, &log, err);
}

static void judge_info(struct checkup *c, struct kmem *km)
{
	static const char *const models[] = {
		[MEMMODEL_SPARSE] = "sections",
		[MEMMODEL_FLAT] = "one array",
	};
	static const char unfiltered[] =
		"no page can be left out: the dump will be as large as memory";
	const char *release = vmcoreinfo_get(km->vi, "OSRELEASE");
	unsigned int level = c->plan->config.collect.levels[0];
	struct pageclass pc;
	struct err why = {0};

	if (strcmp(release, c->plan->facts.release) != 0)
		check_fail(c, NULL, "it is of Linux %s, and %s is running", release,
			   c->plan->facts.release);
	else if (pageclass_init(&pc, km->vi, &why))
		check_fail(c, unfiltered, "%s", why.msg);
	else if (memmodel_of(km->vi) == MEMMODEL_UNKNOWN)
		check_fail(c, unfiltered, "it has neither mem_section nor mem_map");
	else if (prove(km, &why))
		check_fail(c, NULL, "%s", why.msg);
	else if (pc.off & level)
		check_warn(c, "the dump will be larger than it could be",
			   "some classes of pages cannot be told: %s", pc.off_why);
	else
		check_ok(
			c,
			"%zu keys, enough to filter at level %u: struct pages of %u bytes in %s; the log "
			"and addresses are found by them",
			vmcoreinfo_count(km->vi), level, pc.size, models[memmodel_of(km->vi)]);
}

void check_vmcoreinfo(struct checkup *c)
{
	struct kmem km = {0};
	struct err why = {0};

	if (c->corehdr_err.code)
		check_fail(c, NULL, "%s", c->corehdr_err.msg);
	else if (c->kcore_err.code)
		check_warn(c, NULL, "it cannot be looked at: %s", c->kcore_err.msg);
	else if (!c->coverage_err.code && c->coverage.vmcoreinfo_missing)
		check_fail(c, RELOAD,
			   "the note at %#" PRIx64 " is not in what is loaded: the dump would have "
			   "none",
			   c->vmcoreinfo);
	else if (read_info(c, &km, &why))
		check_fail(c, NULL, "%s", why.msg);
	else
		judge_info(c, &km);
	kmem_deinit(&km);
}
