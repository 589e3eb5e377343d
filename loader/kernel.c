// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/kernel.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "loader/unwrap.h"

/* Of the setup header, Documentation/arch/x86/boot.rst. */
enum {
	SETUP_AT = 0x1f1, /* its first field, setup_sects */
	SETUP_MAGIC_AT = 0x202,
	SETUP_JUMP_AT = 0x201, /* how far the jump behind the header goes: where it ends */
	SETUP_VERSION_AT = 0x206,
	SETUP_LOADFLAGS_AT = 0x211,
	SETUP_INITRD_MAX_AT = 0x22c,
	SETUP_ALIGN_AT = 0x230,
	SETUP_RELOCATABLE_AT = 0x234,
	SETUP_XLOADFLAGS_AT = 0x236,
	SETUP_CMDLINE_AT = 0x238,
	SETUP_INIT_SIZE_AT = 0x260,
	SETUP_END = KERNEL_HEAD_SIZE,
	SETUP_MOST = 0x290, /* boot_params has the e820 table from 0x2d0 on */

	SECTOR = 512,
	PROTOCOL_MIN = 0x020c, /* the first with xloadflags */
	XLF_KERNEL_64 = 1 << 0,
	XLF_CAN_BE_LOADED_ABOVE_4G = 1 << 1,
	XLF_5LEVEL = 1 << 5,
	ENTRY_64 = 0x200, /* in the protected-mode part */
};

enum {
	LAYERS_MAX = 4,
	ALIGN_MIN = 4096,
	ALIGN_MAX = 1 << 30,
	VMLINUX_ALIGN = 2 << 20, /* what the kernel's first page tables are made for */
	VMLINUX_SLACK = 1 << 20, /* behind .bss: brk of early boot, setup_arch() */
	PHDRS_MAX = 256,
	CMDLINE_DEFAULT = 2047, /* COMMAND_LINE_SIZE of x86_64 */
};

struct format {
	const char *name;
	bool (*is)(const struct kernel *k);
	int (*parse)(struct kernel *k, struct err *err);
};

static bool is_bzimage(const struct kernel *k)
{
	return k->size >= SETUP_END && memcmp(k->data + SETUP_MAGIC_AT, "HdrS", 4) == 0;
}

static int check_setup(const struct kernel *k, struct err *err)
{
	const uint8_t *d = k->data;
	uint16_t version = load_le16(d + SETUP_VERSION_AT);
	uint16_t flags = load_le16(d + SETUP_XLOADFLAGS_AT);

	if (version < PROTOCOL_MIN)
		return err_set(err, ERR_UNSUPPORTED,
			       "boot protocol %u.%02u, expected 2.12 or later", version >> 8,
			       version & 0xff);
	if (!(flags & XLF_KERNEL_64))
		return err_set(err, ERR_UNSUPPORTED,
			       "no 64-bit entry (xloadflags %#x at 0x236): a kernel for 32 bits",
			       flags);
	if (!(d[SETUP_LOADFLAGS_AT] & 1) || !d[SETUP_RELOCATABLE_AT])
		return err_set(err, ERR_UNSUPPORTED,
			       "it cannot be moved (CONFIG_RELOCATABLE is off), and the reserved "
			       "memory is not where it was built for");
	return 0;
}

bool kernel_file_loadable(const uint8_t *head, size_t size, bool five_levels)
{
	const struct kernel k = {.data = head, .size = size};
	uint16_t want = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G;

	if (five_levels)
		want |= XLF_5LEVEL;
	return is_bzimage(&k) && load_le16(head + SETUP_VERSION_AT) >= PROTOCOL_MIN &&
	       head[SETUP_LOADFLAGS_AT] & 1 &&
	       (load_le16(head + SETUP_XLOADFLAGS_AT) & want) == want;
}

static int parse_bzimage(struct kernel *k, struct err *err)
{
	const uint8_t *d = k->data;
	uint64_t sectors = d[SETUP_AT] ? d[SETUP_AT] : 4;
	uint64_t start = (sectors + 1) * SECTOR;
	uint64_t end = SETUP_MAGIC_AT + d[SETUP_JUMP_AT];
	int rc = check_setup(k, err);

	if (rc)
		return rc;
	if (start >= k->size || k->size - start <= ENTRY_64)
		return err_set(err, ERR_CORRUPT,
			       "%" PRIu64 " sectors of setup at 0x1f1, but the file has %zu bytes",
			       sectors, k->size);
	if (end < SETUP_END || end > SETUP_MOST || end > k->size)
		return err_set(err, ERR_CORRUPT, "the setup header ends at %#" PRIx64 " (0x201)",
			       end);
	k->align = load_le32(d + SETUP_ALIGN_AT);
	k->memory = load_le32(d + SETUP_INIT_SIZE_AT);
	if (k->align < ALIGN_MIN || k->align > ALIGN_MAX || k->align & (k->align - 1))
		return err_set(err, ERR_CORRUPT, "alignment %#" PRIx64 " at 0x230", k->align);
	if (k->memory < k->size - start || k->memory > KERNEL_SIZE_MAX)
		return err_set(err, ERR_CORRUPT,
			       "init_size %" PRIu64 " at 0x260 for a kernel of %" PRIu64 " bytes",
			       k->memory, (uint64_t)k->size - start);
	k->parts[0] =
		(struct kernel_part){.offset = start, .size = k->size - start, .memsz = k->memory};
	k->nparts = 1;
	k->entry = ENTRY_64;
	k->cmdline_max = load_le32(d + SETUP_CMDLINE_AT);
	k->initrd_max = load_le32(d + SETUP_INITRD_MAX_AT);
	k->above_4g = load_le16(d + SETUP_XLOADFLAGS_AT) & XLF_CAN_BE_LOADED_ABOVE_4G;
	k->five_levels = load_le16(d + SETUP_XLOADFLAGS_AT) & XLF_5LEVEL;
	if (k->above_4g)
		k->initrd_max = UINT64_MAX;
	k->setup = d + SETUP_AT;
	k->setup_size = end - SETUP_AT;
	return 0;
}

static bool is_vmlinux(const struct kernel *k)
{
	return k->size >= sizeof(Elf64_Ehdr) && memcmp(k->data, ELFMAG, SELFMAG) == 0;
}

static int check_ehdr(const struct kernel *k, struct err *err)
{
	const uint8_t *d = k->data;

	if (d[EI_CLASS] != ELFCLASS64 || d[EI_DATA] != ELFDATA2LSB ||
	    load_le16(d + offsetof(Elf64_Ehdr, e_machine)) != EM_X86_64 ||
	    load_le16(d + offsetof(Elf64_Ehdr, e_type)) != ET_EXEC)
		return err_set(err, ERR_UNSUPPORTED,
			       "an ELF file, but no executable for x86_64: class %u, type %u, "
			       "machine %u",
			       d[EI_CLASS], load_le16(d + offsetof(Elf64_Ehdr, e_type)),
			       load_le16(d + offsetof(Elf64_Ehdr, e_machine)));
	if (load_le16(d + offsetof(Elf64_Ehdr, e_phentsize)) != sizeof(Elf64_Phdr))
		return err_set(err, ERR_CORRUPT, "program headers of %u bytes, expected %zu",
			       load_le16(d + offsetof(Elf64_Ehdr, e_phentsize)),
			       sizeof(Elf64_Phdr));
	return 0;
}

/* One PT_LOAD; where it goes is counted from its own address until all are known. */
static int add_phdr(struct kernel *k, const uint8_t *p, unsigned int i, struct err *err)
{
	struct kernel_part part = {
		.offset = load_le64(p + offsetof(Elf64_Phdr, p_offset)),
		.size = load_le64(p + offsetof(Elf64_Phdr, p_filesz)),
		.at = load_le64(p + offsetof(Elf64_Phdr, p_paddr)),
		.memsz = load_le64(p + offsetof(Elf64_Phdr, p_memsz)),
	};

	if (load_le32(p + offsetof(Elf64_Phdr, p_type)) != PT_LOAD || !part.memsz)
		return 0;
	if (part.size > k->size || part.offset > k->size - part.size)
		return err_set(err, ERR_CORRUPT,
			       "program header %u: %#" PRIx64 " bytes at %#" PRIx64
			       " of a file of %#zx",
			       i, part.size, part.offset, k->size);
	if (part.memsz < part.size || part.memsz > KERNEL_SIZE_MAX ||
	    part.at + part.memsz < part.at)
		return err_set(err, ERR_CORRUPT,
			       "program header %u: %#" PRIx64 " bytes of memory at %#" PRIx64
			       " for %#" PRIx64 " of the file",
			       i, part.memsz, part.at, part.size);
	if (k->nparts == KERNEL_PARTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d segments to load", KERNEL_PARTS_MAX);
	k->parts[k->nparts++] = part;
	return 0;
}

/* One over the other would be undone in silence. Their addresses do not wrap, add_phdr() says. */
static int check_overlaps(const struct kernel *k, struct err *err)
{
	for (size_t i = 0; i < k->nparts; i++) {
		const struct kernel_part *a = &k->parts[i];

		for (size_t j = 0; j < i; j++) {
			const struct kernel_part *b = &k->parts[j];

			if (a->at < b->at + b->memsz && b->at < a->at + a->memsz)
				return err_set(err, ERR_CORRUPT,
					       "the segment at %#" PRIx64
					       " lies over the one at %#" PRIx64,
					       a->at, b->at);
		}
	}
	return 0;
}

/* Whether the file has something for @entry: between the segments and in .bss are but zeros. */
static bool has_code(const struct kernel *k, uint64_t entry)
{
	for (size_t i = 0; i < k->nparts; i++)
		if (entry >= k->parts[i].at && entry - k->parts[i].at < k->parts[i].size)
			return true;
	return false;
}

/* Addresses become distances from the lowest one, and the kernel may lie anywhere. */
static int settle_parts(struct kernel *k, uint64_t entry, struct err *err)
{
	uint64_t low = UINT64_MAX, high = 0;
	int rc = check_overlaps(k, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < k->nparts; i++) {
		if (k->parts[i].at < low)
			low = k->parts[i].at;
		if (k->parts[i].at + k->parts[i].memsz > high)
			high = k->parts[i].at + k->parts[i].memsz;
	}
	if (!k->nparts || high - low > KERNEL_SIZE_MAX)
		return err_set(err, ERR_CORRUPT, "%zu segments to load, %#" PRIx64 "-%#" PRIx64,
			       k->nparts, k->nparts ? low : 0, high);
	if (low % VMLINUX_ALIGN)
		return err_set(err, ERR_CORRUPT,
			       "the lowest segment is at %#" PRIx64 ", not at a multiple of 2 MiB",
			       low);
	if (!has_code(k, entry))
		return err_set(err, ERR_CORRUPT,
			       "the entry %#" PRIx64 " is in none of the %zu segments' code", entry,
			       k->nparts);
	for (size_t i = 0; i < k->nparts; i++)
		k->parts[i].at -= low;
	k->entry = entry - low;
	k->memory = high - low + VMLINUX_SLACK;
	return 0;
}

static int parse_vmlinux(struct kernel *k, struct err *err)
{
	uint64_t at = load_le64(k->data + offsetof(Elf64_Ehdr, e_phoff));
	unsigned int n = load_le16(k->data + offsetof(Elf64_Ehdr, e_phnum));
	int rc = check_ehdr(k, err);

	if (rc)
		return rc;
	if (n > PHDRS_MAX || at > k->size || n * sizeof(Elf64_Phdr) > k->size - at)
		return err_set(err, ERR_CORRUPT,
			       "%u program headers at %#" PRIx64 " of a file of %#zx", n, at,
			       k->size);
	for (unsigned int i = 0; i < n && !rc; i++)
		rc = add_phdr(k, k->data + at + i * sizeof(Elf64_Phdr), i, err);
	if (!rc)
		rc = settle_parts(k, load_le64(k->data + offsetof(Elf64_Ehdr, e_entry)), err);
	k->align = VMLINUX_ALIGN;
	k->cmdline_max = CMDLINE_DEFAULT;
	k->initrd_max = UINT64_MAX;
	k->above_4g = k->five_levels = true; // it does not say; what is built today does both
	return rc;
}

static const struct format formats[] = {
	{"bzImage", is_bzimage, parse_bzimage},
	{"vmlinux", is_vmlinux, parse_vmlinux},
};

static int parse_inner(struct kernel *k, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		int rc;

		if (!formats[i].is(k))
			continue;
		k->format = formats[i].name;
		rc = formats[i].parse(k, err);
		if (rc)
			err_prepend(err, "%s", k->format);
		return rc;
	}
	return err_set(err, ERR_UNSUPPORTED,
		       "neither a bzImage nor an ELF vmlinux, nor one in gzip, zstd, an EFI zboot "
		       "or a unified kernel image");
}

int kernel_parse(struct kernel *k, const uint8_t *data, size_t size, struct err *err)
{
	*k = (struct kernel){.data = data, .size = size};
	for (int i = 0; i < LAYERS_MAX; i++) {
		uint8_t *owned = NULL;
		const uint8_t *inner;
		size_t inner_size;
		int rc =
			unwrap(k->data, k->size, KERNEL_SIZE_MAX, &inner, &inner_size, &owned, err);

		if (rc)
			return rc;
		if (!inner)
			return parse_inner(k, err);
		// A part of what was unpacked before needs that still.
		if (owned) {
			free(k->owned);
			k->owned = owned;
		}
		k->data = inner;
		k->size = inner_size;
	}
	return err_set(err, ERR_LIMIT, "wrapped more than %d times", LAYERS_MAX);
}

void kernel_free(struct kernel *k)
{
	free(k->owned);
	*k = (struct kernel){0};
}
