// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/kmem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/prstatus.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/kmem_priv.h"
#include "vmcore/pagecache.h"
#include "vmcore/vmcore.h"
#include "vmcore/xlat.h"

enum {
	UTS_FIELDS = 6,
	UTS_SIZE = UTS_FIELDS * KMEM_UTS_LEN,
};

static int read_word(void *ctx, paddr_t paddr, uint64_t *ret, struct err *err)
{
	uint8_t word[sizeof(*ret)];
	int rc = pagecache_read(ctx, paddr, word, sizeof(word), err);

	if (rc)
		return rc;
	*ret = load_le64(word);
	return 0;
}

int kmem_read(const struct kmem *km, vaddr_t va, void *buf, size_t size, struct err *err)
{
	uint8_t *out = buf;
	vaddr_t end;

	if (!km->xlat)
		return err_set(err, ERR_NOTFOUND, "%#llx: there is no address translation",
			       (unsigned long long)va);
	if (__builtin_add_overflow(va, size, &end))
		return err_set(err, ERR_NOTFOUND, "%#llx: %zu bytes reach beyond all addresses",
			       (unsigned long long)va, size);
	while (va < end) {
		struct xlat_leaf leaf;
		uint64_t skip, n;
		int rc = xlat_walk(km->xlat, va, &leaf, err);

		if (rc)
			return rc;
		skip = va - leaf.vaddr;
		n = leaf.size - skip;
		if (n > end - va)
			n = end - va;
		rc = pagecache_read(km->pages, leaf.paddr + skip, out, n, err);
		if (rc) {
			err_prepend(err, "%#llx", (unsigned long long)va);
			return rc;
		}
		out += n;
		va += n;
	}
	return 0;
}

int kmem_read_u64(const struct kmem *km, vaddr_t va, uint64_t *ret, struct err *err)
{
	uint8_t word[sizeof(*ret)];
	int rc = kmem_read(km, va, word, sizeof(word), err);

	if (rc)
		return rc;
	*ret = load_le64(word);
	return 0;
}

int kmem_read_u32(const struct kmem *km, vaddr_t va, uint32_t *ret, struct err *err)
{
	uint8_t word[sizeof(*ret)];
	int rc = kmem_read(km, va, word, sizeof(word), err);

	if (rc)
		return rc;
	*ret = load_le32(word);
	return 0;
}

/* Address of the struct new_utsname of the first namespace. */
static bool uts_address(const struct vmcoreinfo *vi, vaddr_t *ret)
{
	uint64_t sym, offset;

	if (vmcoreinfo_symbol(vi, "init_uts_ns", &sym)) {
		// Not exported before 5.11 (ca4a9241cc5e); then a reference count of four bytes
		// stood before it. A wrong place does not hold the release, and is found out.
		if (!vmcoreinfo_offset(vi, "uts_namespace.name", &offset))
			offset = 4;
		*ret = sym + offset;
		return true;
	}
	// Before 2.6.19 there were no namespaces.
	return vmcoreinfo_symbol(vi, "system_utsname", ret);
}

/* Names from memory: only whole strings, and only with the release that vmcoreinfo says. */
static bool read_uts(const struct kmem *km, struct kmem_uts *ret)
{
	char *const fields[UTS_FIELDS] = {ret->sysname, ret->nodename, ret->release,
					  ret->version, ret->machine,  ret->domainname};
	const char *osrelease = vmcoreinfo_get(km->vi, "OSRELEASE");
	char raw[UTS_FIELDS][KMEM_UTS_LEN];
	vaddr_t va;

	if (!uts_address(km->vi, &va) || kmem_read(km, va, raw, UTS_SIZE, NULL))
		return false;
	for (size_t i = 0; i < UTS_FIELDS; i++)
		if (!memchr(raw[i], '\0', KMEM_UTS_LEN))
			return false;
	if (strcmp(raw[2], osrelease) != 0)
		return false;
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < UTS_FIELDS; i++)
		memcpy(fields[i], raw[i], strlen(raw[i]));
	return true;
}

/* What can be said of the names without a look into memory. */
static void guess_uts(const struct kmem *km, struct kmem_uts *ret)
{
	const struct prstatus_arch *arch = prstatus_arch(vmcore_info(km->vc)->machine);
	const char *release = km->vi ? vmcoreinfo_get(km->vi, "OSRELEASE") : NULL;
	const char(*names)[VMCORE_UTS_LEN] = vmcore_info(km->vc)->uts;

	memset(ret, 0, sizeof(*ret));
	if (names[0][0]) {
		char *const fields[UTS_FIELDS] = {ret->sysname, ret->nodename, ret->release,
						  ret->version, ret->machine,  ret->domainname};

		// Whoever wrote the header of a dump could still ask the kernel.
		for (size_t i = 0; i < UTS_FIELDS; i++)
			memcpy(fields[i], names[i], strlen(names[i]));
		return;
	}
	snprintf(ret->sysname, sizeof(ret->sysname), "Linux");
	if (release)
		snprintf(ret->release, sizeof(ret->release), "%s", release);
	if (arch)
		snprintf(ret->machine, sizeof(ret->machine), "%s", arch->name);
}

bool kmem_proven(const struct kmem *km)
{
	struct kmem_uts uts;

	return km->xlat && read_uts(km, &uts);
}

static int parse(const void *text, size_t size, struct vmcoreinfo **ret, uint64_t *page_size,
		 struct err *err)
{
	struct vmcoreinfo *vi = NULL;
	const char *release;
	uint64_t page;
	int rc = vmcoreinfo_create(text, size, &vi, err);

	if (rc)
		return rc;
	release = vmcoreinfo_get(vi, "OSRELEASE");
	if (!release || !*release || strlen(release) >= KMEM_UTS_LEN)
		rc = err_set(err, ERR_CORRUPT, "expected OSRELEASE of 1 to %d bytes, found %s",
			     KMEM_UTS_LEN - 1, release ? "another one" : "none");
	else if (!vmcoreinfo_plain(vi, "PAGESIZE", &page))
		rc = err_set(err, ERR_CORRUPT, "expected PAGESIZE, found none");
	else if (page < KMEM_PAGE_MIN || page > KMEM_PAGE_MAX || (page & (page - 1)))
		rc = err_set(err, ERR_CORRUPT,
			     "PAGESIZE: expected a power of two from %d to %d, found %llu",
			     KMEM_PAGE_MIN, KMEM_PAGE_MAX, (unsigned long long)page);
	if (rc) {
		vmcoreinfo_destroy(vi);
		return rc;
	}
	*ret = vi;
	*page_size = page;
	return 0;
}

static void set_page_size(struct kmem *km, uint64_t page_size)
{
	km->page_size = page_size;
	km->page_shift = __builtin_ctzll(page_size);
}

int kmem_adopt(struct kmem *km, const void *text, size_t size, struct err *why, struct err *err)
{
	const struct vmcore_info *info = vmcore_info(km->vc);
	struct xlat_hint hint = {0};
	struct vmcoreinfo *vi = NULL;
	uint64_t page_size = 0;
	int rc = parse(text, size, &vi, &page_size, err);

	if (rc)
		return rc;
	km->vi = vi;
	set_page_size(km, page_size);
	if (!vmcoreinfo_plain(vi, "CRASHTIME", &km->crashtime))
		km->crashtime = info->crashtime;
	if (info->has_text)
		xlat_hint_add(info->machine, &hint, info->text_vaddr, info->text_paddr);
	if (xlat_create(info->machine, vi, &hint, read_word, km->pages, &km->xlat, why))
		km->xlat = NULL;
	if (!read_uts(km, &km->uts))
		guess_uts(km, &km->uts);
	return 0;
}

/*
 * Goes through the notes: counts CPUs, and adopts the first VMCOREINFO that is usable. @err
 * says what kept it from finding one; notes behind a damaged one cannot be found.
 */
static int read_notes(struct kmem *km, struct err *why, struct err *err)
{
	const struct vmcore_info *info = vmcore_info(km->vc);
	struct elfnote_iter it;
	struct elfnote note;
	struct err damage = {0};
	int rc, code;

	code = err_set(err, ERR_NOTFOUND, "no VMCOREINFO note");
	elfnote_iter_init(&it, info->notes, info->notes_size);
	while ((rc = elfnote_next(&it, &note, &damage)) > 0) {
		km->notes_sound = it.cur.pos;
		if (note.type == PRSTATUS_NT && !strcmp(note.name, "CORE"))
			km->ncpus++;
		if (!code || note.type != 0 || strcmp(note.name, VMCOREINFO_NOTE_NAME) != 0)
			continue;
		code = kmem_adopt(km, note.desc, note.descsz, why, err);
		if (code) {
			err_prepend(err, "VMCOREINFO note");
			continue;
		}
		km->vmcoreinfo_offset = note.desc - info->notes;
		km->vmcoreinfo_size = note.descsz;
	}
	if (rc == 0)
		km->notes_sound = info->notes_size;
	else
		snprintf(km->notes_damage, sizeof(km->notes_damage), "%.*s", KMEM_DAMAGE_MAX - 1,
			 damage.msg);
	if (code && rc < 0)
		*err = damage;
	return code && rc < 0 ? rc : code;
}

static int start(struct kmem *km, struct vmcore *vc, struct err *err)
{
	*km = (struct kmem){.vc = vc, .source = KMEM_FROM_NOTE};
	set_page_size(km, KMEM_PAGE_MIN);
	guess_uts(km, &km->uts);
	return pagecache_create(vc, &km->pages, err);
}

int kmem_init_text(struct kmem *km, struct vmcore *vc, const void *text, size_t size,
		   struct err *why, struct err *err)
{
	int rc = start(km, vc, err);

	return rc ? rc : kmem_adopt(km, text, size, why, err);
}

int kmem_init(struct kmem *km, struct vmcore *vc, struct err *why, struct err *err)
{
	struct err notes_err = {0};
	int rc = start(km, vc, err);

	if (rc)
		return rc;
	rc = read_notes(km, why, &notes_err);
	if (rc == 0)
		return 0;
	km->source = KMEM_FROM_SCAN;
	rc = kmem_scan(km, why, err);
	if (rc == ERR_NOTFOUND)
		err_prepend(err, "%s", notes_err.msg);
	return rc;
}

void kmem_forget(struct kmem *km)
{
	xlat_destroy(km->xlat);
	vmcoreinfo_destroy(km->vi);
	km->xlat = NULL;
	km->vi = NULL;
}

void kmem_deinit(struct kmem *km)
{
	kmem_forget(km);
	pagecache_destroy(km->pages);
	km->pages = NULL;
}
