// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tamper: does to a copy of an ELF core what a bad crash does to the original. Runs in guests
 * and on the host; on its own, so that a fault of the reader is not a fault of this as well.
 *
 *   tamper CORE rename-note       the VMCOREINFO note gets another name
 *   tamper CORE huge-note         the note before VMCOREINFO claims a descriptor of nearly 4 GiB
 *   tamper CORE destroy-text      every "OSRELEASE=" becomes zeros, in memory and in the note
 *   tamper CORE cut PERCENT       the file ends there within its last PT_LOAD
 *
 * Exit: 0 done; 1 there was nothing to be done, or it failed; 2 usage.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_NAME "VMCOREINFO"
#define TEXT	  "OSRELEASE="

struct core {
	int fd;
	uint8_t *p;
	size_t size;
	const Elf64_Phdr *phdrs;
	unsigned int n;
};

static int fail(const char *what)
{
	fprintf(stderr, "tamper: %s\n", what);
	return 1;
}

static int open_core(struct core *c, const char *path)
{
	const Elf64_Ehdr *e;
	struct stat st;

	c->fd = open(path, O_RDWR);
	if (c->fd < 0 || fstat(c->fd, &st) || st.st_size < (off_t)sizeof(*e)) {
		perror(path);
		return 1;
	}
	c->size = st.st_size;
	c->p = mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	e = (const Elf64_Ehdr *)c->p;
	c->n = e->e_phnum;
	c->phdrs = (const Elf64_Phdr *)(c->p + e->e_phoff);
	if (memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 || e->e_phoff > c->size ||
	    c->n > (c->size - e->e_phoff) / sizeof(*c->phdrs))
		return fail("not a sound ELF core");
	return 0;
}

/* The header of the note called @name, and of the one before it if @before, or NULL. */
static Elf64_Nhdr *find_note(const struct core *c, const char *name, int before)
{
	Elf64_Nhdr *last = NULL;

	for (unsigned int i = 0; i < c->n; i++) {
		const Elf64_Phdr *ph = &c->phdrs[i];
		uint64_t at = ph->p_offset, end = ph->p_offset + ph->p_filesz;

		while (ph->p_type == PT_NOTE && end <= c->size && end - at > sizeof(Elf64_Nhdr)) {
			Elf64_Nhdr *note = (Elf64_Nhdr *)(c->p + at);
			uint64_t size = sizeof(*note) + ((note->n_namesz + 3ULL) & ~3ULL) +
					((note->n_descsz + 3ULL) & ~3ULL);

			if (size > end - at)
				break;
			if (note->n_namesz == strlen(name) + 1 &&
			    !memcmp(note + 1, name, note->n_namesz))
				return before ? last : note;
			last = note;
			at += size;
		}
	}
	return NULL;
}

/* In memory and in the notes. */
static int destroy_text(const struct core *c)
{
	uint8_t *p = c->p, *end = c->p + c->size, *hit;
	unsigned int found = 0;

	for (; (hit = memmem(p, end - p, TEXT, strlen(TEXT))); p = hit + 1) {
		memset(hit, 0, strlen(TEXT));
		found++;
	}
	printf("tamper: %u texts destroyed\n", found);
	return found ? 0 : fail("no text found");
}

static int cut(const struct core *c, const char *percent)
{
	uint64_t part = strtoul(percent, NULL, 10);
	const Elf64_Phdr *last = NULL;

	for (unsigned int i = 0; i < c->n; i++)
		if (c->phdrs[i].p_type == PT_LOAD &&
		    (!last || c->phdrs[i].p_offset > last->p_offset))
			last = &c->phdrs[i];
	if (!last || part < 1 || part > 99)
		return fail("no PT_LOAD, or not 1 to 99 percent");
	if (ftruncate(c->fd, last->p_offset + last->p_filesz / 100 * part)) {
		perror("truncate");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct core c;
	Elf64_Nhdr *note;

	if (argc < 3) {
		fprintf(stderr, "usage: tamper CORE rename-note|huge-note|destroy-text|cut N\n");
		return 2;
	}
	if (open_core(&c, argv[1]))
		return 1;
	if (!strcmp(argv[2], "destroy-text"))
		return destroy_text(&c);
	if (!strcmp(argv[2], "cut") && argc == 4)
		return cut(&c, argv[3]);
	if (!strcmp(argv[2], "rename-note")) {
		note = find_note(&c, NOTE_NAME, 0);
		if (!note)
			return fail("no " NOTE_NAME " note");
		memcpy(note + 1, "X", 1);
		return 0;
	}
	if (!strcmp(argv[2], "huge-note")) {
		note = find_note(&c, NOTE_NAME, 1);
		if (!note)
			return fail("no note before " NOTE_NAME);
		note->n_descsz = 0xfffffff0;
		return 0;
	}
	return 2;
}
