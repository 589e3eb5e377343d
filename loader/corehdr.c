// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/corehdr.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "base/numlist.h"
#include "crashnotes/elfcorehdr.h"
#include "loader/facts.h"
#include "loader/iomem.h"

enum {
	LINE_MAX_ = 64,
	RANGES_MAX = 1 << 16,
	KCORE_PHDRS_MAX = 1 << 16,
	LOW_MEMORY = 1 << 20,
};

struct range {
	uint64_t start, end;
};

/* Under construction. */
struct build {
	const char *root;
	const struct iomem *iomem;
	struct elfcorehdr_segment *segments;
	size_t n, room;
	uint8_t *kcore; /* program headers of /proc/kcore, or NULL */
	size_t kcore_n;
	struct corehdr *c;
};

static int add(struct build *b, const struct elfcorehdr_segment *s, struct err *err)
{
	if (b->n == b->room) {
		size_t room = b->room ? b->room * 2 : 64;
		void *more = realloc(b->segments, room * sizeof(*b->segments));

		if (!more)
			return err_set(err, ERR_NOMEM, "no memory for %zu program headers", room);
		b->segments = more;
		b->room = room;
	}
	b->segments[b->n++] = *s;
	return 0;
}

/* The first line of a small file of sysfs. */
static bool read_line(const char *root, const char *path, char line[LINE_MAX_])
{
	char full[FACTS_PATH_MAX];
	CLEANUP_CLOSE int fd = -1;
	ssize_t n;

	if (facts_path(full, sizeof(full), root, path, NULL))
		return false;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = io_read(fd, line, LINE_MAX_ - 1, NULL);
	if (n <= 0)
		return false;
	line[n] = '\0';
	return true;
}

static bool is_memory(const struct iomem *m, uint64_t start, uint64_t size)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct iomem_range *r = &m->ranges[i];

		if (strcmp(r->name, "System RAM") == 0 && start >= r->start && start < r->end &&
		    size <= r->end - start)
			return true;
	}
	return false;
}

static int add_note(struct build *b, const char *what, uint64_t addr, uint64_t size,
		    struct err *err)
{
	struct elfcorehdr_segment s = {
		.type = PT_NOTE, .offset = addr, .paddr = addr, .filesz = size, .memsz = size};

	if (!size || !is_memory(b->iomem, addr, size))
		return err_set(err, ERR_CORRUPT,
			       "%s: a note of %" PRIu64 " bytes at %#" PRIx64
			       " is not inside the memory of /proc/iomem",
			       what, size, addr);
	return add(b, &s, err);
}

/* Files of CPUs that are not present do not exist; false then. */
static bool read_note(const char *root, struct corehdr_note *n)
{
	char path[96], line[LINE_MAX_];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/crash_notes_size", n->cpu);
	if (!read_line(root, path, line) || sscanf(line, "%" SCNu64, &n->size) != 1)
		return false;
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/crash_notes", n->cpu);
	return read_line(root, path, line) && sscanf(line, "%" SCNx64, &n->addr) == 1;
}

/* One above the highest number that a CPU of this machine can have. */
static unsigned int cpus_end(const char *root)
{
	char line[LINE_MAX_];
	int last = -1;

	if (read_line(root, "/sys/devices/system/cpu/possible", line))
		for (int cpu = -1; (cpu = numlist_next(line, cpu)) >= 0;)
			last = cpu;
	return last < 0 || last >= COREHDR_CPUS_MAX ? COREHDR_CPUS_MAX : last + 1;
}

/* A hole in the numbers is no end. */
static int add_cpus(struct build *b, struct err *err)
{
	unsigned int end = cpus_end(b->root);
	char what[32];

	b->c->notes = calloc(end, sizeof(*b->c->notes));
	if (!b->c->notes)
		return err_set(err, ERR_NOMEM, "no memory for the notes of %u CPUs", end);
	for (unsigned int cpu = 0; cpu < end; cpu++) {
		struct corehdr_note *note = &b->c->notes[b->c->ncpus];
		int rc;

		note->cpu = cpu;
		if (!read_note(b->root, note))
			continue;
		snprintf(what, sizeof(what), "crash_notes of CPU %u", cpu);
		rc = add_note(b, what, note->addr, note->size, err);
		if (rc)
			return rc;
		b->c->ncpus++;
	}
	if (!b->c->ncpus)
		return err_set(err, ERR_NOTFOUND,
			       "no CPU has a crash note in /sys/devices/system/cpu: the kernel was "
			       "built without CONFIG_CRASH_DUMP, or this is not root");
	return 0;
}

int corehdr_vmcoreinfo(const char *root, uint64_t *addr, uint64_t *size, struct err *err)
{
	char line[LINE_MAX_];

	if (read_line(root, "/sys/kernel/vmcoreinfo", line) &&
	    sscanf(line, "%" SCNx64 " %" SCNx64, addr, size) == 2)
		return 0;
	return err_set(err, ERR_NOTFOUND,
		       "/sys/kernel/vmcoreinfo: expected an address and a size: without it no dump "
		       "can be filtered");
}

static int add_vmcoreinfo(struct build *b, struct err *err)
{
	uint64_t addr, size;
	int rc = corehdr_vmcoreinfo(b->root, &addr, &size, err);

	return rc ? rc : add_note(b, "/sys/kernel/vmcoreinfo", addr, size, err);
}

/* Only the headers: what they describe is all of memory. */
static void open_kcore(struct build *b)
{
	uint8_t ehdr[sizeof(Elf64_Ehdr)];
	char full[FACTS_PATH_MAX];
	CLEANUP_CLOSE int fd = -1;
	uint64_t n;

	if (facts_path(full, sizeof(full), b->root, "/proc/kcore", NULL))
		return;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || io_pread(fd, ehdr, sizeof(ehdr), 0, NULL) != sizeof(ehdr) ||
	    memcmp(ehdr, ELFMAG, SELFMAG) != 0 || ehdr[EI_CLASS] != ELFCLASS64 ||
	    load_le16(ehdr + offsetof(Elf64_Ehdr, e_phentsize)) != sizeof(Elf64_Phdr))
		return;
	n = load_le16(ehdr + offsetof(Elf64_Ehdr, e_phnum));
	b->kcore = calloc(n ? n : 1, sizeof(Elf64_Phdr));
	if (b->kcore && io_pread(fd, b->kcore, n * sizeof(Elf64_Phdr),
				 load_le64(ehdr + offsetof(Elf64_Ehdr, e_phoff)),
				 NULL) == (ssize_t)(n * sizeof(Elf64_Phdr)))
		b->kcore_n = n;
}

/* The address under which the kernel has @paddr in its mapping of all memory; 0: not told. */
static uint64_t vaddr_of(const struct build *b, uint64_t paddr)
{
	for (size_t i = 0; i < b->kcore_n; i++) {
		const uint8_t *p = b->kcore + i * sizeof(Elf64_Phdr);
		uint64_t start = load_le64(p + offsetof(Elf64_Phdr, p_paddr));
		uint64_t size = load_le64(p + offsetof(Elf64_Phdr, p_memsz));
		uint64_t vaddr = load_le64(p + offsetof(Elf64_Phdr, p_vaddr));

		// The kernel image is there as well, under an address of its own.
		if (load_le32(p + offsetof(Elf64_Phdr, p_type)) == PT_LOAD &&
		    vaddr < 0xffffffff80000000ULL && paddr >= start && paddr - start < size)
			return vaddr + (paddr - start);
	}
	return 0;
}

static int add_range(struct build *b, uint64_t start, uint64_t end, struct err *err)
{
	struct elfcorehdr_segment s = {
		.type = PT_LOAD,
		.flags = PF_R | PF_W | PF_X,
		.offset = start,
		.paddr = start,
		.vaddr = vaddr_of(b, start),
		.filesz = end - start,
		.memsz = end - start,
	};

	b->c->nranges++;
	b->c->memory += end - start;
	if (b->c->nranges > RANGES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d ranges of memory", RANGES_MAX);
	if (!s.vaddr)
		b->c->has_vaddrs = false;
	return add(b, &s, err);
}

/* Where the first thing that does not belong to it begins in [start, end), and where it ends. */
static bool next_hole(const struct build *b, uint64_t start, uint64_t end, struct range *hole)
{
	*hole = (struct range){.start = end};
	if (start < LOW_MEMORY) {
		*hole = (struct range){.start = start, .end = LOW_MEMORY};
		return true;
	}
	for (size_t i = 0; i < b->iomem->n; i++) {
		const struct iomem_range *r = &b->iomem->ranges[i];

		if ((strcmp(r->name, "Crash kernel") == 0 || strcmp(r->name, IOMEM_CMA) == 0) &&
		    r->end > start && r->start < hole->start)
			*hole = (struct range){.start = r->start, .end = r->end};
	}
	return hole->start < end;
}

static int add_memory(struct build *b, struct err *err)
{
	int rc = 0;

	b->c->has_vaddrs = true;
	for (size_t i = 0; i < b->iomem->n && !rc; i++) {
		const struct iomem_range *r = &b->iomem->ranges[i];
		uint64_t at = r->start;
		struct range hole;

		// Memory of a device that was given to the kernel is called so, below the device.
		if (strncmp(r->name, "System RAM", 10) != 0)
			continue;
		while (at < r->end && !rc) {
			bool found = next_hole(b, at, r->end, &hole);
			uint64_t end = found ? hole.start : r->end;

			if (end > at)
				rc = add_range(b, at, end, err);
			at = found ? hole.end : r->end;
		}
	}
	if (!rc && !b->c->nranges)
		rc = err_set(err, ERR_NOTFOUND, "/proc/iomem tells of no memory to dump");
	return rc;
}

/* The image under its own address, which tells where KASLR has put it. */
static int add_text(struct build *b, struct err *err)
{
	const struct iomem_range *code = iomem_highest(b->iomem, "Kernel code");

	for (size_t i = 0; i < b->kcore_n && code; i++) {
		const uint8_t *p = b->kcore + i * sizeof(Elf64_Phdr);
		struct elfcorehdr_segment s = {
			.type = PT_LOAD,
			.flags = PF_R | PF_W | PF_X,
			.paddr = load_le64(p + offsetof(Elf64_Phdr, p_paddr)),
			.vaddr = load_le64(p + offsetof(Elf64_Phdr, p_vaddr)),
			.memsz = load_le64(p + offsetof(Elf64_Phdr, p_memsz)),
		};

		s.offset = s.paddr;
		s.filesz = s.memsz;
		if (s.vaddr >= 0xffffffff80000000ULL && s.paddr == code->start &&
		    is_memory(b->iomem, s.paddr, s.memsz))
			return add(b, &s, err);
	}
	return 0;
}

static int fill(struct build *b, struct err *err)
{
	int rc = add_cpus(b, err);

	if (!rc)
		rc = add_vmcoreinfo(b, err);
	if (rc)
		return rc;
	open_kcore(b);
	rc = add_text(b, err);
	return rc ? rc : add_memory(b, err);
}

int corehdr_build(struct corehdr *c, const char *root, const struct iomem *iomem, struct err *err)
{
	struct build b = {.root = root, .iomem = iomem, .c = c};
	struct elfcorehdr_spec spec = {.machine = EM_X86_64};
	int rc;

	*c = (struct corehdr){0};
	rc = fill(&b, err);
	if (!rc) {
		spec.segments = b.segments;
		spec.nsegments = b.n;
		c->size = elfcorehdr_size(&spec);
		c->data = malloc(c->size);
		rc = c->data ? elfcorehdr_build(&spec, c->data, c->size, &c->size, err)
			     : err_set(err, ERR_NOMEM, "no memory for an ELF header");
	}
	free(b.segments);
	free(b.kcore);
	if (rc)
		err_prepend(err, "elfcorehdr");
	return rc;
}

void corehdr_deinit(struct corehdr *c)
{
	free(c->data);
	free(c->notes);
	*c = (struct corehdr){0};
}

/* They say 0 as long as nothing is loaded that is kept up to date (6.6). */
int corehdr_hotplug(const char *root)
{
	static const char *const files[] = {"/sys/devices/system/cpu/crash_hotplug",
					    "/sys/devices/system/memory/crash_hotplug"};
	char line[LINE_MAX_];
	int all = 1;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (!read_line(root, files[i], line))
			return -1;
		if (line[0] != '1')
			all = 0;
	}
	return all;
}
