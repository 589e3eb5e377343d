// SPDX-License-Identifier: GPL-2.0-or-later
#include "crashnotes/elfcorehdr.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"

/*
 * Fields are stored one by one at their offsets in the ELF64 layout, little endian as all
 * machines of prstatus.c are, so that nothing hangs on the machine this is built on.
 */
enum {
	EHDR_SIZE = 64,
	PHDR_SIZE = 56,
	SHDR_SIZE = 64,
};

_Static_assert(EHDR_SIZE == sizeof(Elf64_Ehdr), "ELF64 header");
_Static_assert(PHDR_SIZE == sizeof(Elf64_Phdr), "ELF64 program header");
_Static_assert(SHDR_SIZE == sizeof(Elf64_Shdr), "ELF64 section header");

/* Does the count not fit e_phnum? Then it stands in section header 0. */
static bool extended(const struct elfcorehdr_spec *spec)
{
	return spec->nsegments >= PN_XNUM;
}

size_t elfcorehdr_size(const struct elfcorehdr_spec *spec)
{
	size_t fixed = EHDR_SIZE + (extended(spec) ? SHDR_SIZE : 0), size;

	// No buffer has room for a size that wraps, so the largest says it well enough.
	if (__builtin_mul_overflow(spec->nsegments, PHDR_SIZE, &size) ||
	    __builtin_add_overflow(size, fixed, &size))
		return SIZE_MAX;
	return size;
}

/* Is the last of @size bytes from @start on beyond 2^64? */
static bool wraps(uint64_t start, uint64_t size)
{
	return size && start > UINT64_MAX - (size - 1);
}

static int check_segment(const struct elfcorehdr_segment *s, size_t index, struct err *err)
{
	if (s->filesz > s->memsz)
		return err_set(err, ERR_CORRUPT, "segment %zu: filesz 0x%llx > memsz 0x%llx", index,
			       (unsigned long long)s->filesz, (unsigned long long)s->memsz);
	if (wraps(s->offset, s->filesz) || wraps(s->paddr, s->memsz) || wraps(s->vaddr, s->memsz))
		return err_set(err, ERR_CORRUPT,
			       "segment %zu: 0x%llx bytes at offset 0x%llx, physical 0x%llx, "
			       "virtual 0x%llx wrap around 2^64",
			       index, (unsigned long long)s->memsz, (unsigned long long)s->offset,
			       (unsigned long long)s->paddr, (unsigned long long)s->vaddr);
	return 0;
}

static void put_ehdr(uint8_t *p, const struct elfcorehdr_spec *spec)
{
	size_t n = spec->nsegments;

	memset(p, 0, EHDR_SIZE);
	memcpy(p, ELFMAG, SELFMAG);
	p[EI_CLASS] = ELFCLASS64;
	p[EI_DATA] = ELFDATA2LSB;
	p[EI_VERSION] = EV_CURRENT;
	store_le16(p + offsetof(Elf64_Ehdr, e_type), ET_CORE);
	store_le16(p + offsetof(Elf64_Ehdr, e_machine), spec->machine);
	store_le32(p + offsetof(Elf64_Ehdr, e_version), EV_CURRENT);
	// The format wants 0 where there is no table.
	store_le64(p + offsetof(Elf64_Ehdr, e_phoff), n ? EHDR_SIZE : 0);
	store_le16(p + offsetof(Elf64_Ehdr, e_ehsize), EHDR_SIZE);
	store_le16(p + offsetof(Elf64_Ehdr, e_phentsize), PHDR_SIZE);
	store_le16(p + offsetof(Elf64_Ehdr, e_phnum), extended(spec) ? PN_XNUM : n);
	if (!extended(spec))
		return;
	store_le64(p + offsetof(Elf64_Ehdr, e_shoff), EHDR_SIZE + n * PHDR_SIZE);
	store_le16(p + offsetof(Elf64_Ehdr, e_shentsize), SHDR_SIZE);
	store_le16(p + offsetof(Elf64_Ehdr, e_shnum), 1);
}

static void put_phdr(uint8_t *p, const struct elfcorehdr_segment *s)
{
	memset(p, 0, PHDR_SIZE);
	store_le32(p + offsetof(Elf64_Phdr, p_type), s->type);
	store_le32(p + offsetof(Elf64_Phdr, p_flags), s->flags);
	store_le64(p + offsetof(Elf64_Phdr, p_offset), s->offset);
	store_le64(p + offsetof(Elf64_Phdr, p_vaddr), s->vaddr);
	store_le64(p + offsetof(Elf64_Phdr, p_paddr), s->paddr);
	store_le64(p + offsetof(Elf64_Phdr, p_filesz), s->filesz);
	store_le64(p + offsetof(Elf64_Phdr, p_memsz), s->memsz);
}

/* As the kernel writes it in its own cores: fs/binfmt_elf.c, fill_extnum_info(). */
static void put_shdr0(uint8_t *p, size_t nsegments)
{
	memset(p, 0, SHDR_SIZE);
	store_le32(p + offsetof(Elf64_Shdr, sh_type), SHT_NULL);
	store_le64(p + offsetof(Elf64_Shdr, sh_size), 1);
	store_le32(p + offsetof(Elf64_Shdr, sh_info), nsegments);
}

int elfcorehdr_build(const struct elfcorehdr_spec *spec, void *buf, size_t room, size_t *ret,
		     struct err *err)
{
	size_t size = elfcorehdr_size(spec);
	uint8_t *p = buf;

	if (size > room || spec->nsegments > UINT32_MAX)
		return err_set(err, ERR_LIMIT,
			       "ELF header of %zu segments: %zu bytes, room for %zu",
			       spec->nsegments, size, room);
	for (size_t i = 0; i < spec->nsegments; i++) {
		int rc = check_segment(&spec->segments[i], i, err);

		if (rc)
			return rc;
	}
	put_ehdr(p, spec);
	p += EHDR_SIZE;
	for (size_t i = 0; i < spec->nsegments; i++, p += PHDR_SIZE)
		put_phdr(p, &spec->segments[i]);
	if (extended(spec))
		put_shdr0(p, spec->nsegments);
	*ret = size;
	return 0;
}

int elfcorehdr_extent(const void *head, size_t *ret, struct err *err)
{
	const uint8_t *p = head;
	unsigned int type = load_le16(p + offsetof(Elf64_Ehdr, e_type));
	unsigned int phnum = load_le16(p + offsetof(Elf64_Ehdr, e_phnum));
	unsigned int phentsize = load_le16(p + offsetof(Elf64_Ehdr, e_phentsize));
	uint64_t phoff = load_le64(p + offsetof(Elf64_Ehdr, e_phoff));

	if (memcmp(p, ELFMAG, SELFMAG) != 0 || p[EI_CLASS] != ELFCLASS64 ||
	    p[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ERR_CORRUPT, "expected a little-endian ELF64 header");
	if (type != ET_CORE)
		return err_set(err, ERR_CORRUPT, "e_type: expected %d, a core, found %u", ET_CORE,
			       type);
	if (phnum == PN_XNUM)
		return err_set(err, ERR_UNSUPPORTED, "e_phnum: more than %d segments", PN_XNUM);
	if (phentsize != PHDR_SIZE || phoff < EHDR_SIZE || phoff > UINT32_MAX)
		return err_set(err, ERR_CORRUPT,
			       "program headers of %u bytes at 0x%llx, expected %d and %d",
			       phentsize, (unsigned long long)phoff, PHDR_SIZE, EHDR_SIZE);
	*ret = phoff + (size_t)phnum * PHDR_SIZE;
	return 0;
}

static struct elfcorehdr_segment get_phdr(const uint8_t *p)
{
	return (struct elfcorehdr_segment){
		.type = load_le32(p + offsetof(Elf64_Phdr, p_type)),
		.flags = load_le32(p + offsetof(Elf64_Phdr, p_flags)),
		.offset = load_le64(p + offsetof(Elf64_Phdr, p_offset)),
		.vaddr = load_le64(p + offsetof(Elf64_Phdr, p_vaddr)),
		.paddr = load_le64(p + offsetof(Elf64_Phdr, p_paddr)),
		.filesz = load_le64(p + offsetof(Elf64_Phdr, p_filesz)),
		.memsz = load_le64(p + offsetof(Elf64_Phdr, p_memsz)),
	};
}

int elfcorehdr_parse(const void *buf, size_t size, struct elfcorehdr_segment *segments, size_t room,
		     size_t *ret, struct err *err)
{
	const uint8_t *p = buf;
	size_t extent = 0, n = 0;
	int rc = size < EHDR_SIZE ? err_set(err, ERR_NODATA, "%zu bytes are no ELF header", size)
				  : elfcorehdr_extent(buf, &extent, err);

	if (rc)
		return rc;
	if (extent > size)
		return err_set(err, ERR_NODATA, "it takes %zu bytes, there are %zu", extent, size);
	for (size_t at = load_le64(p + offsetof(Elf64_Ehdr, e_phoff)); at < extent;
	     at += PHDR_SIZE) {
		struct elfcorehdr_segment s = get_phdr(p + at);

		if (s.type != PT_NOTE && s.type != PT_LOAD)
			continue;
		rc = check_segment(&s, n, err);
		if (rc)
			return rc;
		if (n == room)
			return err_set(err, ERR_LIMIT, "more than %zu segments", room);
		segments[n++] = s;
	}
	*ret = n;
	return 0;
}
