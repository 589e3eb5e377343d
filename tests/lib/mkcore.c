// SPDX-License-Identifier: GPL-2.0-or-later
/* mkcore: the description of a core, and how it is written. The language is in mkcore_text.c. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "crashnotes/elfcorehdr.h"
#include "crashnotes/elfnote.h"
#include "tests/lib/mkcore_priv.h"

enum {
	LOAD_ALIGN = 4096,
	OFF_PHNUM = 56, /* of e_phnum in the ELF header, and so on */
	OFF_SHOFF = 40,
	OFF_SHENTSIZE = 58,
	OFF_SHNUM = 60,
	OFF_SH_INFO = 44,
};

struct mkcore *mkcore_create(void)
{
	struct mkcore *mk = calloc(1, sizeof(*mk));

	if (mk)
		mk->machine = EM_X86_64;
	return mk;
}

static void free_bytes(struct mkcore_bytes *array, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(array[i].data);
	free(array);
}

void mkcore_destroy(struct mkcore *mk)
{
	if (!mk)
		return;
	free_bytes(mk->notes, mk->nnotes);
	free_bytes(mk->data, mk->ndata);
	free_bytes(mk->ats, mk->nats);
	free(mk->loads);
	free(mk->overrides);
	free(mk);
}

void *mkcore_grow(void *array, size_t *n, size_t size, struct err *err)
{
	void **at = array;
	void *grown = *at;

	// Doubled whenever the count is a power of two.
	if (!(*n & (*n - 1)))
		grown = realloc(*at, (*n ? *n * 2 : 1) * size);
	if (!grown) {
		err_set(err, ERR_NOMEM, "no memory for %zu elements", *n);
		return NULL;
	}
	*at = grown;
	return memset((char *)grown + (*n)++ * size, 0, size);
}

int mkcore_add_bytes(struct mkcore_bytes **array, size_t *n, uint64_t where, const void *data,
		     size_t size, struct err *err)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct mkcore_bytes *b = copy ? mkcore_grow(array, n, sizeof(*b), err) : NULL;

	if (!b) {
		free(copy);
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes", size);
	}
	if (size)
		memcpy(copy, data, size);
	*b = (struct mkcore_bytes){.where = where, .data = copy, .size = size};
	return 0;
}

void mkcore_machine(struct mkcore *mk, uint16_t machine)
{
	mk->machine = machine;
}

int mkcore_load(struct mkcore *mk, const struct mkcore_load *load, struct err *err)
{
	struct mkcore_load *l = mkcore_grow(&mk->loads, &mk->nloads, sizeof(*l), err);

	if (!l)
		return ERR_NOMEM;
	*l = *load;
	return 0;
}

int mkcore_rawnote(struct mkcore *mk, const void *bytes, size_t size, struct err *err)
{
	struct mkcore_bytes *b;
	uint8_t *grown;

	if (!mk->nnotes || mk->new_segment) {
		mk->new_segment = false;
		return mkcore_add_bytes(&mk->notes, &mk->nnotes, 0, bytes, size, err);
	}
	b = &mk->notes[mk->nnotes - 1];
	grown = realloc(b->data, b->size + size + 1);
	if (!grown)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes", size);
	if (size)
		memcpy(grown + b->size, bytes, size);
	b->data = grown;
	b->size += size;
	return 0;
}

int mkcore_note(struct mkcore *mk, const char *name, uint32_t type, const void *desc, size_t size,
		struct err *err)
{
	size_t room = elfnote_size(name, size);
	CLEANUP_FREE uint8_t *buf = malloc(room);
	int rc;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes", room);
	rc = elfnote_build(buf, room, name, type, desc, size, &room, err);
	return rc ? rc : mkcore_rawnote(mk, buf, room, err);
}

int mkcore_data(struct mkcore *mk, paddr_t paddr, const void *bytes, size_t size, struct err *err)
{
	return mkcore_add_bytes(&mk->data, &mk->ndata, paddr, bytes, size, err);
}

static uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) / align * align;
}

// Where everything goes; the segments in the order of the program headers. The file's length.
static uint64_t lay_out(const struct mkcore *mk, struct elfcorehdr_segment *segs, uint64_t pos)
{
	uint64_t end = pos;

	for (size_t i = 0; i < mk->nnotes; i++) {
		*segs++ = (struct elfcorehdr_segment){.type = PT_NOTE,
						      .offset = pos,
						      .filesz = mk->notes[i].size,
						      .memsz = mk->notes[i].size};
		pos = align_up(pos + mk->notes[i].size, ELFNOTE_ALIGN);
		end = pos;
	}
	for (size_t i = 0; i < mk->nloads; i++) {
		const struct mkcore_load *l = &mk->loads[i];
		uint64_t offset = l->offset;

		if (!offset && l->filesz) {
			offset = align_up(pos, LOAD_ALIGN) + l->paddr % LOAD_ALIGN;
			pos = offset + l->filesz;
		}
		if (l->filesz && offset + l->filesz > end)
			end = offset + l->filesz;
		*segs++ = (struct elfcorehdr_segment){.type = PT_LOAD,
						      .flags = PF_R | PF_W | PF_X,
						      .offset = offset,
						      .vaddr = l->vaddr,
						      .paddr = l->paddr,
						      .filesz = l->filesz,
						      .memsz = l->memsz};
	}
	return end;
}

static void store(uint8_t *p, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++)
		p[i] = value >> 8 * i;
}

// PN_XNUM in a core that is too small to need it; the section header stands at @shoff.
static void force_xnum(const struct mkcore *mk, uint8_t *hdr, uint64_t shoff, size_t nsegs)
{
	store(hdr + OFF_PHNUM, 2, PN_XNUM);
	store(hdr + OFF_SHOFF, 8, shoff);
	store(hdr + OFF_SHENTSIZE, 2, sizeof(Elf64_Shdr));
	store(hdr + OFF_SHNUM, 2, 1);
	store(hdr + shoff + OFF_SH_INFO, 4, mk->xnum_count ? mk->xnum_count : nsegs);
}

static int put_overrides(const struct mkcore *mk, uint8_t *hdr, size_t size, struct err *err)
{
	for (size_t i = 0; i < mk->noverrides; i++) {
		const struct mkcore_override *o = &mk->overrides[i];
		uint64_t at = o->offset;

		if (o->phdr >= 0)
			at += sizeof(Elf64_Ehdr) + o->phdr * sizeof(Elf64_Phdr);
		if (at + o->size > size)
			return err_set(err, ERR_USAGE, "override: no program header %ld", o->phdr);
		store(hdr + at, o->size, o->value);
	}
	return 0;
}

static int put_data(int fd, const struct elfcorehdr_segment *segs, size_t nsegs,
		    const struct mkcore_bytes *b, struct err *err)
{
	uint64_t done = 0;

	for (size_t i = 0; i < nsegs; i++) {
		const struct elfcorehdr_segment *s = &segs[i];
		uint64_t start = b->where > s->paddr ? b->where : s->paddr;
		uint64_t end = b->where + b->size;
		int rc;

		if (end > s->paddr + s->filesz)
			end = s->paddr + s->filesz;
		if (s->type != PT_LOAD || start >= end)
			continue;
		rc = io_pwrite(fd, b->data + (start - b->where), end - start,
			       s->offset + (start - s->paddr), err);
		if (rc)
			return rc;
		done += end - start;
	}
	if (done < b->size)
		return err_set(err, ERR_USAGE,
			       "data at %#llx: %zu bytes, but only %llu are in a load",
			       (unsigned long long)b->where, b->size, (unsigned long long)done);
	return 0;
}

static int put_all(const struct mkcore *mk, int fd, const struct elfcorehdr_segment *segs,
		   size_t nsegs, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < mk->nnotes; i++)
		rc = io_pwrite(fd, mk->notes[i].data, mk->notes[i].size, segs[i].offset, err);
	for (size_t i = 0; !rc && i < mk->ndata; i++)
		rc = put_data(fd, segs, nsegs, &mk->data[i], err);
	for (size_t i = 0; !rc && i < mk->nats; i++)
		rc = io_pwrite(fd, mk->ats[i].data, mk->ats[i].size, mk->ats[i].where, err);
	if (!rc && mk->truncate && ftruncate(fd, mk->truncate_to) < 0)
		rc = err_sys(err, "truncate to %llu", (unsigned long long)mk->truncate_to);
	return rc;
}

int mkcore_write(const struct mkcore *mk, int fd, struct err *err)
{
	size_t nsegs = mk->nnotes + mk->nloads;
	CLEANUP_FREE struct elfcorehdr_segment *segs = calloc(nsegs + 1, sizeof(*segs));
	struct elfcorehdr_spec spec = {
		.machine = mk->machine, .segments = segs, .nsegments = nsegs};
	size_t plain = elfcorehdr_size(&spec), size = plain, unused;
	CLEANUP_FREE uint8_t *hdr = NULL;
	uint64_t end;
	int rc;

	if (mk->xnum)
		size += sizeof(Elf64_Shdr);
	hdr = calloc(1, size);
	if (!segs || !hdr)
		return err_set(err, ERR_NOMEM, "no memory for %zu segments", nsegs);
	end = lay_out(mk, segs, size);
	rc = elfcorehdr_build(&spec, hdr, plain, &unused, err);
	if (rc)
		return rc;
	if (mk->xnum)
		force_xnum(mk, hdr, plain, nsegs);
	rc = put_overrides(mk, hdr, size, err);
	if (rc)
		return rc;
	if (ftruncate(fd, end) < 0)
		return err_sys(err, "file of %llu bytes", (unsigned long long)end);
	rc = io_pwrite(fd, hdr, size, 0, err);
	return rc ? rc : put_all(mk, fd, segs, nsegs, err);
}

int mkcore_memfd(const char *text, struct err *err)
{
	CLEANUP_CLOSE int fd = memfd_create("mkcore", MFD_CLOEXEC);
	struct mkcore *mk = mkcore_create();
	int rc;

	if (fd < 0 || !mk) {
		mkcore_destroy(mk);
		return err_sys(err, "memfd");
	}
	rc = mkcore_parse(mk, "text", text, strlen(text), err);
	if (!rc)
		rc = mkcore_write(mk, fd, err);
	mkcore_destroy(mk);
	return rc ? rc : steal_fd(&fd);
}

void mkcore_path(int fd, char path[static MKCORE_PATH_MAX])
{
	snprintf(path, MKCORE_PATH_MAX, "/proc/self/fd/%d", fd);
}
