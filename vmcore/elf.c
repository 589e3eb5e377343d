// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * elf: ELF64 little endian cores: /proc/vmcore, a plain copy of it, makedumpfile -E, QEMU's
 * dump-guest-memory. What odd headers mean is laid down in docs/vmcore-input.md.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/elfnote.h"
#include "vmcore/source.h"
#include "vmcore/vmcore_priv.h"

enum {
	EHDR_SIZE = 64,
	PHDR_SIZE = 56,
	SHDR_SIZE = 64,
	SHDR_INFO_OFFSET = 44,
	PHDRS_A_READ = 512, /* program headers read at once */
	PADDR_BITS_MAX = 56, /* riscv Sv57 and its kin; x86_64 and arm64 end at 52 */
	FLAG_INCOMPLETE = 1, /* e_flags of a core that makedumpfile could not finish */
};

/* The kernel image's mapping on x86_64 (arch/x86/include/asm/page_64_types.h):
 * __START_KERNEL_map and the most that KERNEL_IMAGE_SIZE can be. */
#define X86_64_TEXT_START 0xffffffff80000000ULL
#define X86_64_TEXT_SIZE  (1ULL << 30)

struct ehdr {
	uint16_t type, machine;
	uint64_t phoff, shoff;
	uint32_t flags;
	uint16_t phentsize, phnum, shentsize;
	uint32_t nsegments; /* phnum, or what stands for it elsewhere */
};

struct phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/* What is gathered from the program headers on the way. */
struct reader {
	struct vmcore *vc;
	struct vmcore_segment *segs;
	size_t nsegs, room;
	size_t notes_room;
};

static bool elf_probe(const uint8_t *head, size_t size)
{
	return size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static int check_ident(const uint8_t *id, struct err *err)
{
	if (id[EI_CLASS] == ELFCLASS32)
		return err_set(err, ERR_UNSUPPORTED,
			       "ELF header: 32-bit class; only 64-bit cores can be read");
	if (id[EI_CLASS] != ELFCLASS64)
		return err_set(err, ERR_CORRUPT,
			       "ELF header: class at offset 4: expected %d, found %d", ELFCLASS64,
			       id[EI_CLASS]);
	if (id[EI_DATA] == ELFDATA2MSB)
		return err_set(err, ERR_UNSUPPORTED,
			       "ELF header: big endian; only little-endian cores can be read");
	if (id[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ERR_CORRUPT,
			       "ELF header: byte order at offset 5: expected %d, found %d",
			       ELFDATA2LSB, id[EI_DATA]);
	if (id[EI_VERSION] != EV_CURRENT)
		return err_set(err, ERR_CORRUPT,
			       "ELF header: version at offset 6: expected %d, found %d", EV_CURRENT,
			       id[EI_VERSION]);
	return 0;
}

static int parse_ehdr(struct vmcore *vc, struct ehdr *ret, struct err *err)
{
	uint8_t buf[EHDR_SIZE];
	struct cursor c;
	int rc = source_read(&vc->srcs[0], "ELF header", 0, buf, sizeof(buf), err);

	if (!rc)
		rc = check_ident(buf, err);
	if (rc)
		return rc;
	c = cursor_init(buf, sizeof(buf), 0);
	rc = cursor_skip(&c, EI_NIDENT, err);
	if (!rc)
		rc = cursor_u16(&c, &ret->type, err);
	if (!rc)
		rc = cursor_u16(&c, &ret->machine, err);
	if (!rc)
		rc = cursor_skip(&c, 4 + 8, err); // e_version, e_entry
	if (!rc)
		rc = cursor_u64(&c, &ret->phoff, err);
	if (!rc)
		rc = cursor_u64(&c, &ret->shoff, err);
	if (!rc)
		rc = cursor_u32(&c, &ret->flags, err);
	if (!rc)
		rc = cursor_skip(&c, 2, err); // e_ehsize
	if (!rc)
		rc = cursor_u16(&c, &ret->phentsize, err);
	if (!rc)
		rc = cursor_u16(&c, &ret->phnum, err);
	if (!rc)
		rc = cursor_u16(&c, &ret->shentsize, err);
	return rc;
}

// More than 0xfffe program headers: their count is sh_info of section 0 (elf(5), PN_XNUM).
static int count_segments(struct vmcore *vc, struct ehdr *eh, struct err *err)
{
	uint8_t buf[SHDR_SIZE];
	struct cursor c;
	int rc;

	eh->nsegments = eh->phnum;
	if (eh->phnum != PN_XNUM)
		return 0;
	if (eh->shentsize != SHDR_SIZE)
		return err_set(err, ERR_CORRUPT,
			       "ELF header: e_shentsize at offset 58: expected %d, found %u",
			       SHDR_SIZE, eh->shentsize);
	rc = source_read(&vc->srcs[0], "section header 0, for the number of segments", eh->shoff,
			 buf, sizeof(buf), err);
	if (rc)
		return rc;
	c = cursor_init(buf, sizeof(buf), eh->shoff);
	rc = cursor_seek(&c, SHDR_INFO_OFFSET, err);
	return rc ? rc : cursor_u32(&c, &eh->nsegments, err);
}

static int check_ehdr(struct vmcore *vc, struct ehdr *eh, struct err *err)
{
	uint64_t size, end;
	int rc;

	if (eh->type != ET_CORE)
		return err_set(err, ERR_UNSUPPORTED,
			       "ELF header: e_type at offset 16: a core is %d, found %u", ET_CORE,
			       eh->type);
	if (eh->phentsize != PHDR_SIZE)
		return err_set(err, ERR_CORRUPT,
			       "ELF header: e_phentsize at offset 54: expected %d, found %u",
			       PHDR_SIZE, eh->phentsize);
	rc = count_segments(vc, eh, err);
	if (rc)
		return rc;
	if (!eh->nsegments)
		return err_set(err, ERR_CORRUPT, "ELF header: no program headers");
	if (eh->nsegments > VMCORE_RANGES_MAX)
		return err_set(err, ERR_LIMIT,
			       "ELF header: %u program headers, at most %d are taken",
			       eh->nsegments, VMCORE_RANGES_MAX);
	size = (uint64_t)eh->nsegments * PHDR_SIZE;
	if (__builtin_add_overflow(eh->phoff, size, &end) || end > vc->info.file_size)
		return err_set(
			err, ERR_NODATA,
			"%u program headers at offset %llu take %llu bytes, the file ends at "
			"%llu",
			eh->nsegments, (unsigned long long)eh->phoff, (unsigned long long)size,
			(unsigned long long)vc->info.file_size);
	return 0;
}

static int parse_phdr(struct cursor *c, struct phdr *ret, struct err *err)
{
	uint64_t *const words[] = {&ret->offset, &ret->vaddr, &ret->paddr,
				   &ret->filesz, &ret->memsz, &ret->align};
	int rc = cursor_u32(c, &ret->type, err);

	if (!rc)
		rc = cursor_u32(c, &ret->flags, err);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(words); i++)
		rc = cursor_u64(c, words[i], err);
	return rc;
}

// How many of the bytes of a segment the file has; a cut is told.
static uint64_t bytes_there(struct vmcore *vc, const struct phdr *ph, uint32_t index,
			    const char *kind)
{
	uint64_t file_size = vc->info.file_size;
	uint64_t there = ph->offset < file_size ? file_size - ph->offset : 0;

	if (ph->filesz <= there)
		return ph->filesz;
	vc->info.truncated = true;
	vmcore_warn(vc, "%s %u: %#llx bytes at offset %#llx, but the file ends at %#llx: cut", kind,
		    index, (unsigned long long)ph->filesz, (unsigned long long)ph->offset,
		    (unsigned long long)file_size);
	return there;
}

// Notes of all segments stand one behind the other, each padded to the records' alignment.
static int add_notes(struct reader *rd, const struct phdr *ph, uint32_t index, struct err *err)
{
	struct vmcore *vc = rd->vc;
	size_t used = vc->info.notes_size;
	uint64_t size = bytes_there(vc, ph, index, "PT_NOTE");
	size_t padded;
	uint8_t *grown;
	int rc;

	if (size > ELFNOTE_SEGMENT_MAX - used) {
		size = ELFNOTE_SEGMENT_MAX - used;
		vc->info.truncated = true;
		vmcore_warn(vc, "PT_NOTE %u: notes beyond the first %d bytes are not read", index,
			    ELFNOTE_SEGMENT_MAX);
	}
	if (!size)
		return 0;
	padded = (size + ELFNOTE_ALIGN - 1) & ~(size_t)(ELFNOTE_ALIGN - 1);
	if (used + padded > rd->notes_room) {
		// One PT_NOTE is the rule, one a CPU the exception: grow by halves then.
		size_t room = used ? (used + padded) + (used + padded) / 2 : padded;

		grown = realloc(vc->notes, room);
		if (!grown)
			return err_set(err, ERR_NOMEM, "PT_NOTE %u: no memory for %zu bytes", index,
				       room);
		vc->notes = grown;
		rd->notes_room = room;
	}
	rc = vmcore_pread(vc, ph->offset, vc->notes + used, size, err);
	if (rc) {
		err_prepend(err, "PT_NOTE %u", index);
		return rc;
	}
	memset(vc->notes + used + size, 0, padded - size);
	vc->info.notes_size = used + padded;
	return 0;
}

static bool is_text(const struct vmcore *vc, const struct phdr *ph)
{
	return vc->info.machine == EM_X86_64 && ph->vaddr >= X86_64_TEXT_START &&
	       ph->vaddr - X86_64_TEXT_START < X86_64_TEXT_SIZE;
}

static int add_load(struct reader *rd, const struct phdr *ph, uint32_t index, struct err *err)
{
	struct vmcore *vc = rd->vc;
	struct vmcore_segment *seg;
	uint64_t end;

	if (!ph->memsz && !ph->filesz)
		return 0;
	// By this /proc/kcore says that it is no memory (fs/proc/kcore.c): addresses of vmalloc().
	if (ph->paddr == UINT64_MAX)
		return 0;
	// One header that makes no sense shall not cost the memory that the others tell of.
	if (ph->filesz > ph->memsz || __builtin_add_overflow(ph->paddr, ph->memsz, &end)) {
		vc->info.truncated = true;
		vmcore_warn(vc,
			    "PT_LOAD %u: p_paddr %#llx, p_memsz %#llx, p_filesz %#llx make no "
			    "sense: ignored",
			    index, (unsigned long long)ph->paddr, (unsigned long long)ph->memsz,
			    (unsigned long long)ph->filesz);
		return 0;
	}
	if (end > 1ULL << PADDR_BITS_MAX) {
		vmcore_warn(vc,
			    "PT_LOAD %u: %#llx-%#llx is beyond 2^%d, where no memory is: ignored",
			    index, (unsigned long long)ph->paddr, (unsigned long long)end,
			    PADDR_BITS_MAX);
		return 0;
	}
	if (rd->nsegs == rd->room) {
		size_t room = rd->room ? rd->room * 2 : 64;
		struct vmcore_segment *grown = realloc(rd->segs, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for %zu segments", room);
		rd->segs = grown;
		rd->room = room;
	}
	seg = &rd->segs[rd->nsegs++];
	*seg = (struct vmcore_segment){
		.range = {.paddr = ph->paddr,
			  .memsz = ph->memsz,
			  .filesz = bytes_there(vc, ph, index, "PT_LOAD"),
			  .offset = ph->offset,
			  .vaddr = ph->vaddr},
		.index = index,
		.text = is_text(vc, ph),
	};
	if (seg->text && !vc->info.has_text) {
		vc->info.has_text = true;
		vc->info.text_vaddr = ph->vaddr;
		vc->info.text_paddr = ph->paddr;
	}
	// A filtered core has the image in pieces.
	if (seg->text && ph->paddr - vc->info.text_paddr == vc->info.text_memsz &&
	    ph->vaddr - vc->info.text_vaddr == vc->info.text_memsz)
		vc->info.text_memsz += ph->memsz;
	return 0;
}

// The program headers a few at a time: a table that is not needed again takes no memory.
static int read_phdrs(struct reader *rd, const struct ehdr *eh, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(PHDRS_A_READ * PHDR_SIZE);
	struct phdr ph;
	int rc;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for program headers");
	for (uint32_t first = 0; first < eh->nsegments; first += PHDRS_A_READ) {
		uint32_t left = eh->nsegments - first;
		uint32_t n = left < PHDRS_A_READ ? left : PHDRS_A_READ;
		uint64_t offset = eh->phoff + (uint64_t)first * PHDR_SIZE;
		struct cursor c = cursor_init(buf, n * PHDR_SIZE, offset);

		rc = source_read(&rd->vc->srcs[0], "program headers", offset, buf, n * PHDR_SIZE,
				 err);
		for (uint32_t i = 0; !rc && i < n; i++) {
			rc = parse_phdr(&c, &ph, err);
			if (!rc && ph.type == PT_NOTE)
				rc = add_notes(rd, &ph, first + i, err);
			else if (!rc && ph.type == PT_LOAD)
				rc = add_load(rd, &ph, first + i, err);
		}
		if (rc)
			return rc;
	}
	return 0;
}

static int elf_open(struct vmcore *vc, struct err *err)
{
	struct reader rd = {.vc = vc};
	struct ehdr eh;
	int rc = parse_ehdr(vc, &eh, err);

	if (!rc)
		rc = check_ehdr(vc, &eh, err);
	if (rc)
		return rc;
	vc->info.machine = eh.machine;
	if (eh.flags & FLAG_INCOMPLETE) {
		vc->info.truncated = true;
		vmcore_warn(vc, "the writer of the file marked it as incomplete (e_flags %#x)",
			    eh.flags);
	}
	rc = read_phdrs(&rd, &eh, err);
	if (!rc)
		rc = vmcore_resolve(vc, rd.segs, rd.nsegs, err);
	free(rd.segs);
	return rc;
}

static int elf_read(struct vmcore *vc, const struct vmcore_range *range, uint64_t skip, void *buf,
		    size_t size, struct err *err)
{
	return vmcore_pread(vc, range->offset + skip, buf, size, err);
}

const struct vmcore_format vmcore_format_elf = {
	.name = "elf",
	.probe = elf_probe,
	.open = elf_open,
	.read = elf_read,
	.mappable = true,
};
