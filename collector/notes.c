// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/notes.h"

#include <string.h>

#include "crashnotes/elfnote.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

/* Size of the note of our own making, 0 when the vmcore has one. */
static uint64_t own_size(const struct kmem *km)
{
	size_t size;

	if (!km->vi || km->vmcoreinfo_size)
		return 0;
	vmcoreinfo_text(km->vi, &size);
	return elfnote_size(VMCOREINFO_NOTE_NAME, size);
}

uint64_t notes_size(const struct kmem *km)
{
	return own_size(km) + km->notes_sound;
}

int notes_fill(const struct kmem *km, uint8_t *buf, uint64_t *vi_offset, uint64_t *vi_size,
	       struct err *err)
{
	uint64_t own = own_size(km);

	*vi_offset = km->vmcoreinfo_offset;
	*vi_size = km->vmcoreinfo_size;
	if (own) {
		size_t text_size, size;
		const char *text = vmcoreinfo_text(km->vi, &text_size);
		int rc = elfnote_build(buf, own, VMCOREINFO_NOTE_NAME, 0, text, text_size, &size,
				       err);

		if (rc)
			return rc;
		*vi_size = text_size;
		*vi_offset = size - (text_size + ELFNOTE_ALIGN - 1) / ELFNOTE_ALIGN * ELFNOTE_ALIGN;
	}
	if (km->notes_sound)
		memcpy(buf + own, vmcore_info(km->vc)->notes, km->notes_sound);
	return 0;
}
