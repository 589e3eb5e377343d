// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kmem_scan: vmcoreinfo without its note.
 *
 * The kernel keeps the text in a page of its own (get_zeroed_page() in
 * crash_save_vmcoreinfo_init(), kernel/crash_core.c, kernel/vmcore_info.c since 6.9) and once
 * more as a note in pages of its own (alloc_pages_exact()), written at boot and, with the time
 * added, at the crash. So a look at the first bytes of every page finds both. Anything may lie
 * at the start of a page, pages of an earlier boot or of a user's buffer too; what counts in
 * the end is that the page tables it leads to lead to the release that it names.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/kmem_priv.h"
#include "vmcore/vmcore.h"

#define TEXT_START "OSRELEASE=" /* the first line, since vmcoreinfo exists */

enum {
	TEXT_START_LEN = sizeof(TEXT_START) - 1,
	NOTE_NAME_AT = 12, /* behind the three words of a note's header */
	NOTE_TEXT_AT = 24, /* behind the name and its padding */
	PEEK = NOTE_TEXT_AT + TEXT_START_LEN, /* bytes of a page that are looked at */
};

struct scan {
	struct kmem *best; /* the caller's; vi is NULL as long as there is none */
	struct err *why; /* why best has no translation, or NULL */
	bool best_proven;
	unsigned int tried;
	uint64_t looked_at; /* bytes */
	char *text; /* VMCOREINFO_SIZE_MAX bytes */
	struct vmcore_window window;
};

/* Where the text begins in the page at @p, or a negative number. */
static int peek(const uint8_t *p)
{
	if (memcmp(p, TEXT_START, TEXT_START_LEN) == 0)
		return 0;
	if (memcmp(p + NOTE_NAME_AT, VMCOREINFO_NOTE_NAME, sizeof(VMCOREINFO_NOTE_NAME)) == 0 &&
	    load_le32(p) == sizeof(VMCOREINFO_NOTE_NAME) &&
	    memcmp(p + NOTE_TEXT_AT, TEXT_START, TEXT_START_LEN) == 0)
		return NOTE_TEXT_AT;
	return -1;
}

static bool better(const struct scan *s, const struct kmem *km, bool proven)
{
	const struct kmem *best = s->best;

	if (!best->vi)
		return true;
	if (proven != s->best_proven)
		return proven;
	if (!km->crashtime != !best->crashtime)
		return km->crashtime != 0;
	return vmcoreinfo_count(km->vi) >= vmcoreinfo_count(best->vi);
}

/* Tries the text of at most @room bytes at @paddr. */
static void try_text(struct scan *s, paddr_t paddr, uint64_t room)
{
	size_t size = room < VMCOREINFO_SIZE_MAX ? room : VMCOREINFO_SIZE_MAX;
	struct kmem km = *s->best;
	struct err why = {0};
	bool proven;

	s->tried++;
	km.vi = NULL;
	km.xlat = NULL;
	if (vmcore_read(km.vc, paddr, s->text, size, NULL))
		return;
	if (kmem_adopt(&km, s->text, size, &why, NULL))
		return;
	proven = kmem_proven(&km);
	if (!better(s, &km, proven)) {
		kmem_forget(&km);
		return;
	}
	kmem_forget(s->best);
	*s->best = km;
	s->best_proven = proven;
	if (s->why)
		*s->why = why;
}

/* The text of the crash itself, proven: nothing better can follow. */
static bool done(const struct scan *s)
{
	return (s->best_proven && s->best->crashtime) || s->tried >= KMEM_SCAN_CANDIDATES_MAX ||
	       s->looked_at >= KMEM_SCAN_MAX;
}

/* The whole pages of the @len bytes at @p, which are at @paddr; @left of the range are there. */
static void scan_pages(struct scan *s, const uint8_t *p, size_t len, paddr_t paddr, uint64_t left)
{
	for (size_t at = 0; len - at >= PEEK && !done(s); at += KMEM_PAGE_MIN) {
		int skip = peek(p + at);

		if (skip >= 0)
			try_text(s, paddr + at + skip, left - at - skip);
		if (len - at < KMEM_PAGE_MIN)
			break;
	}
}

static void scan_span(struct scan *s, const struct vmcore_span *span)
{
	uint64_t size = span->end - span->start;
	uint64_t at = -span->start & (KMEM_PAGE_MIN - 1);

	while (at < size && size - at >= PEEK && !done(s)) {
		uint64_t left = size - at;
		size_t want = left < KMEM_SCAN_WINDOW ? left : KMEM_SCAN_WINDOW;
		const uint8_t *p;
		size_t len;

		// One that cannot be mapped or read is passed over: others may be.
		if (vmcore_window_get(&s->window, span->start + at, want, want, &p, &len, NULL) ==
		    0)
			scan_pages(s, p, want, span->start + at, left);
		s->looked_at += want;
		at += want;
	}
}

int kmem_scan(struct kmem *km, struct err *why, struct err *err)
{
	struct vmcore_span span = {0, 0};
	CLEANUP_FREE char *text = malloc(VMCOREINFO_SIZE_MAX);
	struct scan s = {.best = km, .why = why, .text = text};
	int rc;

	if (!text)
		return err_set(err, ERR_NOMEM, "search for vmcoreinfo: no memory");
	rc = vmcore_window_init(&s.window, km->vc, KMEM_SCAN_WINDOW, err);
	if (rc) {
		err_prepend(err, "search for vmcoreinfo");
		return rc;
	}
	while (!done(&s) && vmcore_next_span(km->vc, span.end, &span))
		scan_span(&s, &span);
	vmcore_window_deinit(&s.window);
	if (!km->vi)
		return err_set(err, ERR_NOTFOUND,
			       "and no usable vmcoreinfo in %llu MiB of memory, %u pages tried",
			       (unsigned long long)s.looked_at >> 20, s.tried);
	return 0;
}
