// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coreread.h"

__attribute__((format(printf, 2, 3))) static int fail(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CORE_WHY_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

static bool inside(const struct core *core, uint64_t off, uint64_t len)
{
	return off <= core->size && len <= core->size - off;
}

static int map_file(struct core *core, const char *path, char *why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(why, "open: %s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0) {
		close(fd);
		return fail(why, "not a regular file with something in it");
	}
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);

	close(fd);
	if (map == MAP_FAILED)
		return fail(why, "mmap: %s", strerror(errno));
	core->map = map;
	core->size = (uint64_t)st.st_size;
	return 0;
}

/* More than 0xfffe headers: the number stands in sh_info of section 0. */
static int count_headers(const struct core *core, const Elf64_Ehdr *eh, uint64_t *n, char *why)
{
	Elf64_Shdr sh;

	*n = eh->e_phnum;
	if (eh->e_phnum != PN_XNUM)
		return 0;
	if (!inside(core, eh->e_shoff, sizeof(sh)))
		return fail(why, "PN_XNUM, but section 0 lies outside of the file");
	memcpy(&sh, core->map + eh->e_shoff, sizeof(sh));
	*n = sh.sh_info;
	return 0;
}

static int add_load(struct core *core, const Elf64_Phdr *ph, uint64_t i, char *why)
{
	uint64_t end;

	if (ph->p_type != PT_LOAD || ph->p_filesz == 0)
		return 0;
	if (!inside(core, ph->p_offset, ph->p_filesz) ||
	    __builtin_add_overflow(ph->p_paddr, ph->p_filesz, &end))
		return fail(why, "program header %" PRIu64 " reaches outside", i);
	core->load[core->nload++] = (struct core_load){
		.paddr = ph->p_paddr,
		.len = ph->p_filesz,
		.offset = ph->p_offset,
	};
	return 0;
}

static int read_headers(struct core *core, char *why)
{
	Elf64_Ehdr eh;
	uint64_t n, bytes;

	if (!inside(core, 0, sizeof(eh)))
		return fail(why, "too short for an ELF header");
	memcpy(&eh, core->map, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_type != ET_CORE)
		return fail(why, "not a 64-bit little endian ELF core");
	if (eh.e_phentsize != sizeof(Elf64_Phdr))
		return fail(why, "e_phentsize is %u", eh.e_phentsize);
	if (count_headers(core, &eh, &n, why))
		return -1;
	if (__builtin_mul_overflow(n, sizeof(Elf64_Phdr), &bytes) ||
	    !inside(core, eh.e_phoff, bytes))
		return fail(why, "the program headers reach beyond the end of the file");
	core->load = calloc(n + 1, sizeof(*core->load));
	if (!core->load)
		return fail(why, "out of memory");
	for (uint64_t i = 0; i < n; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, core->map + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (add_load(core, &ph, i, why))
			return -1;
	}
	return 0;
}

int core_open(struct core *core, const char *path, char why[CORE_WHY_MAX])
{
	*core = (struct core){0};
	if (map_file(core, path, why) || read_headers(core, why)) {
		core_close(core);
		return -1;
	}
	return 0;
}

void core_close(struct core *core)
{
	if (core->map)
		munmap((void *)(uintptr_t)core->map, core->size);
	free(core->load);
	*core = (struct core){0};
}

uint64_t core_read(const struct core *core, uint64_t paddr, uint64_t len, uint8_t *out,
		   uint8_t *held)
{
	uint64_t n = 0;

	memset(out, 0, len);
	memset(held, 0, len);
	for (uint64_t i = 0; i < core->nload && n < len; i++) {
		const struct core_load *l = &core->load[i];
		uint64_t from = paddr > l->paddr ? paddr : l->paddr;
		uint64_t to = paddr + len < l->paddr + l->len ? paddr + len : l->paddr + l->len;

		if (from >= to)
			continue;
		const uint8_t *src = core->map + l->offset + (from - l->paddr);

		if (to - from == len && n == 0) {
			memcpy(out, src, len);
			memset(held, 1, len);
			return len;
		}
		for (uint64_t k = 0; k < to - from; k++) {
			uint64_t at = from - paddr + k;

			if (held[at])
				continue;
			out[at] = src[k];
			held[at] = 1;
			n++;
		}
	}
	return n;
}
