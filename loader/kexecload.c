// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/kexecload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "base/sha256.h"
#include "loader/bootparams.h"
#include "loader/corehdr.h"
#include "loader/facts.h"
#include "loader/iomem.h"
#include "loader/kernel.h"
#include "loader/purgatory.h"

enum {
	PAGE = 4096, /* of x86 */
	INITRD_MAX = 1 << 30,
	SMALL_MAX = 64 << 10,
	/* The kernel takes its page tables from what is left: 2 MiB pages of all memory. */
	ROOM_FOR_KERNEL = 512 << 10,
	LINE_MAX_ = 4096,
};

#define LOW_4G (1ULL << 32)

extern const uint8_t purgatory_image[], purgatory_image_end[];

struct kexecload_parts {
	struct iomem iomem;
	struct kernel kernel;
	struct corehdr corehdr;
	struct e820_map map;
	char *kernel_file, *initrd;
	size_t kernel_size, initrd_size;
	uint8_t *bootparams, *purgatory;
	size_t purgatory_size;
	uint8_t *running; /* /sys/kernel/boot_params/data */
	uint64_t rsdp;
	char cmdline[LINE_MAX_];
	/* Where they were placed; index of the elfcorehdr, which may change after the load. */
	uint64_t kernel_at, initrd_at, bootparams_at, purgatory_at;
	size_t corehdr_index;
};

long kexecload_syscall(uint64_t entry, size_t n, const struct kexecload_segment *segments,
		       unsigned long flags)
{
	return syscall(SYS_kexec_load, entry, n, segments, flags);
}

static char *read_small(const char *root, const char *path, size_t *size)
{
	char full[FACTS_PATH_MAX];
	char *text;

	if (facts_path(full, sizeof(full), root, path, NULL) ||
	    io_read_file(full, SMALL_MAX, &text, size, NULL))
		return NULL;
	return text;
}

/* "ACPI20=0x..." or "ACPI=0x..." of an EFI machine. */
static uint64_t read_rsdp(const char *root)
{
	CLEANUP_FREE char *text = read_small(root, "/sys/firmware/efi/systab", NULL);
	const char *line = text ? strstr(text, "ACPI20=") : NULL;
	uint64_t v = 0;

	if (text && !line)
		line = strstr(text, "ACPI=");
	if (!line || sscanf(strchr(line, '=') + 1, "%" SCNx64, &v) != 1)
		return 0;
	return v;
}

static int read_machine(struct kexecload *l, const char *root, struct err *err)
{
	struct kexecload_parts *p = l->parts;
	size_t size = 0;
	int rc = iomem_read(&p->iomem, root, err);

	if (rc)
		return rc;
	p->running = (uint8_t *)read_small(root, "/sys/kernel/boot_params/data", &size);
	if (p->running && size != BOOTPARAMS_SIZE) {
		free(p->running);
		p->running = NULL;
	}
	p->rsdp = read_rsdp(root);
	// It says no as long as nothing is loaded; that it knows of it is what counts.
	l->hotplug = corehdr_hotplug(root) >= 0;
	return corehdr_build(&p->corehdr, root, &p->iomem, err);
}

/* All of the plain file @fd; the caller frees. */
static int read_opened(int fd, const char *path, size_t max, char **ret, size_t *size_ret,
		       struct err *err)
{
	CLEANUP_FREE char *data = NULL;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "%s", path);
	if ((uint64_t)st.st_size > max)
		return err_set(err, ERR_LIMIT, "%s: longer than %zu bytes", path, max);
	data = malloc(st.st_size + 1);
	if (!data)
		return err_set(err, ERR_NOMEM, "%s: no memory for its %zu bytes", path,
			       (size_t)st.st_size);
	n = io_pread(fd, data, st.st_size, 0, err);
	if (n < 0) {
		err_prepend(err, "%s", path);
		return n;
	}
	if (n != st.st_size)
		return err_set(err, ERR_CORRUPT, "%s: its size changes while it is read", path);
	*size_ret = n;
	*ret = STEAL_PTR(data);
	return 0;
}

static int read_files(struct kexecload_parts *p, const struct kexecload_request *req,
		      struct err *err)
{
	int rc = read_opened(req->kernel_fd, req->kernel_path, KERNEL_SIZE_MAX, &p->kernel_file,
			     &p->kernel_size, err);

	if (!rc)
		rc = read_opened(req->initrd_fd, req->initrd_path, INITRD_MAX, &p->initrd,
				 &p->initrd_size, err);
	if (rc)
		return rc;
	rc = kernel_parse(&p->kernel, (uint8_t *)p->kernel_file, p->kernel_size, err);
	// 64-bit mode is not left on the way, and in it the number of levels cannot be changed.
	if (!rc && req->five_levels && !p->kernel.five_levels)
		rc = err_set(err, ERR_UNSUPPORTED,
			     "this machine runs with page tables of five levels, and the kernel "
			     "knows four (XLF_5LEVEL at 0x236, CONFIG_X86_5LEVEL): boot with "
			     "no5lvl, or name another one with the key kernel");
	if (rc)
		err_prepend(err, "%s", req->kernel_path);
	return rc;
}

/*
 * Where kernel and all else go. With crashkernel=SIZE,high there is a second area below 4 GiB, for
 * devices that need such memory: the kernel takes no segments there (crashk_low_res).
 */
static int choose_area(struct kexecload *l, struct err *err)
{
	struct kexecload_parts *p = l->parts;
	const struct iomem_range *area = iomem_highest(&p->iomem, "Crash kernel");

	if (!area)
		return err_set(err, ERR_NOTFOUND,
			       "/proc/iomem has no line 'Crash kernel': boot with crashkernel=");
	l->segments.page_size = PAGE;
	l->segments.area_start = (area->start + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	l->segments.area_end = area->end & ~(uint64_t)(PAGE - 1);
	if (area->end > LOW_4G && !p->kernel.above_4g)
		return err_set(err, ERR_UNSUPPORTED,
			       "the kernel cannot lie above 4 GiB, where the reserved memory is "
			       "(%#" PRIx64 "-%#" PRIx64 "): leave out ',high' of crashkernel=",
			       area->start, area->end);
	return 0;
}

static int place(struct kexecload *l, const char *name, const void *data, uint64_t size,
		 uint64_t memsz, uint64_t align, enum segment_end from, uint64_t *at,
		 struct err *err)
{
	struct segment s = {.name = name, .data = data, .size = size, .memsz = memsz};

	return segments_place(&l->segments, &s, align, from, at, err);
}

/*
 * A vmlinux has several pieces with holes between them, which nothing else may take: one segment
 * for all, as they will lie in memory.
 */
static int place_kernel(struct kexecload *l, struct err *err)
{
	struct kexecload_parts *p = l->parts;
	struct kernel *k = &p->kernel;
	uint8_t *flat;

	if (k->nparts == 1 && !k->parts[0].at)
		return place(l, "kernel", k->data + k->parts[0].offset, k->parts[0].size, k->memory,
			     k->align, SEGMENT_LOW, &p->kernel_at, err);
	flat = calloc(1, k->memory);
	if (!flat)
		return err_set(err, ERR_NOMEM, "no memory for a kernel of %" PRIu64 " bytes",
			       k->memory);
	for (size_t i = 0; i < k->nparts; i++)
		memcpy(flat + k->parts[i].at, k->data + k->parts[i].offset, k->parts[i].size);
	free(k->owned);
	k->owned = flat;
	return place(l, "kernel", flat, k->memory, k->memory, k->align, SEGMENT_LOW, &p->kernel_at,
		     err);
}

/* How much room a growing machine may need is told by the kernel; without, what it has now. */
static uint64_t corehdr_memory(const struct kexecload *l, const char *root)
{
	static const char *const names[] = {"/sys/kernel/kexec/crash_elfcorehdr_size",
					    "/sys/kernel/crash_elfcorehdr_size"};
	uint64_t size = l->parts->corehdr.size;

	for (size_t i = 0; i < ARRAY_SIZE(names) && l->hotplug; i++) {
		CLEANUP_FREE char *text = read_small(root, names[i], NULL);
		uint64_t v;

		if (text && sscanf(text, "%" SCNu64, &v) == 1 && v > size && v < INITRD_MAX)
			size = v;
	}
	return size;
}

static int place_corehdr(struct kexecload *l, const char *root, uint64_t *at, struct err *err)
{
	struct kexecload_parts *p = l->parts;

	p->corehdr_index = l->segments.n;
	l->notes = p->corehdr.ncpus;
	l->ranges = p->corehdr.nranges;
	return place(l, "elfcorehdr", p->corehdr.data, p->corehdr.size, corehdr_memory(l, root),
		     PAGE, SEGMENT_HIGH, at, err);
}

static int make_cmdline(struct kexecload_parts *p, const struct kexecload_request *req, uint64_t at,
			struct err *err)
{
	size_t n = snprintf(p->cmdline, sizeof(p->cmdline), "elfcorehdr=0x%" PRIx64 " %s", at,
			    req->cmdline);

	if (n < sizeof(p->cmdline) && n <= p->kernel.cmdline_max)
		return 0;
	return err_set(err, ERR_LIMIT, "the command line has %zu bytes, the kernel takes %u", n,
		       p->kernel.cmdline_max);
}

/* Its place must be known before it is filled. */
static int place_bootparams(struct kexecload *l, struct err *err)
{
	struct kexecload_parts *p = l->parts;
	const struct segment *hdr = &l->segments.list[p->corehdr_index];
	struct bootparams_spec spec = {
		.kernel = &p->kernel,
		.map = &p->map,
		.cmdline = p->cmdline,
		.initrd = p->initrd_at,
		.initrd_size = p->initrd_size,
		.running = p->running,
		.rsdp = p->rsdp,
	};
	int rc = e820_make(&p->map, &p->iomem, hdr->start, hdr->start + hdr->memsz, err);
	size_t size;

	if (rc)
		return rc;
	size = bootparams_size(&spec);
	p->bootparams = calloc(1, size);
	if (!p->bootparams)
		return err_set(err, ERR_NOMEM, "no memory for boot_params");
	rc = place(l, "boot_params", p->bootparams, size, size, PAGE, SEGMENT_HIGH,
		   &p->bootparams_at, err);
	if (rc)
		return rc;
	spec.address = l->params = p->bootparams_at;
	bootparams_fill(&spec, p->bootparams);
	return 0;
}

/* The last UART that the console is on; where a PC has them. */
static uint64_t serial_port(const char *cmdline)
{
	static const uint16_t ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
	static const char name[] = "console=ttyS";
	const char *word = cmdline;
	uint64_t port = 0;

	while ((word = strstr(word, name))) {
		bool begins = word == cmdline || word[-1] == ' ';
		unsigned int i;
		int end = 0;

		word += sizeof(name) - 1;
		if (begins && sscanf(word, "%3u%n", &i, &end) == 1 && i < ARRAY_SIZE(ports) &&
		    (word[end] == '\0' || strchr(", \n", word[end])))
			port = ports[i];
	}
	return port;
}

static void digest(const struct segment *s, struct purgatory_region *r)
{
	static const uint8_t zeros[PAGE];
	struct sha256 h;

	r->start = s->start;
	r->size = s->memsz;
	snprintf(r->name, sizeof(r->name), "%s", s->name);
	sha256_init(&h);
	sha256_update(&h, s->data, s->size);
	for (uint64_t left = s->memsz - s->size; left;) {
		uint64_t n = left < sizeof(zeros) ? left : sizeof(zeros);

		sha256_update(&h, zeros, n);
		left -= n;
	}
	sha256_final(&h, r->digest);
}

/* What the kernel itself changes after the load cannot be among what is checked. */
static void fill_digests(struct kexecload *l)
{
	struct kexecload_parts *p = l->parts;
	struct purgatory_info info = {
		.magic = PURGATORY_MAGIC,
		.entry = p->kernel_at + p->kernel.entry,
		.boot_params = p->bootparams_at,
		.serial = l->serial,
	};

	for (size_t i = 0; i < l->segments.n; i++)
		if (l->segments.list[i].data != p->purgatory &&
		    (!l->hotplug || i != p->corehdr_index))
			digest(&l->segments.list[i], &info.regions[info.nregions++]);
	memcpy(p->purgatory + PURGATORY_INFO_AT, &info, sizeof(info));
}

/* Last, since it has the digests of all others. */
static int place_purgatory(struct kexecload *l, struct err *err)
{
	struct kexecload_parts *p = l->parts;
	int rc;

	p->purgatory_size = purgatory_image_end - purgatory_image;
	if (p->purgatory_size < PURGATORY_INFO_AT + sizeof(struct purgatory_info) ||
	    load_le64(purgatory_image + PURGATORY_INFO_AT) != PURGATORY_MAGIC)
		return err_set(err, ERR_CORRUPT, "the purgatory was not built for this loader");
	p->purgatory = malloc(p->purgatory_size);
	if (!p->purgatory)
		return err_set(err, ERR_NOMEM, "no memory for the purgatory");
	memcpy(p->purgatory, purgatory_image, p->purgatory_size);
	rc = place(l, "purgatory", p->purgatory, p->purgatory_size, p->purgatory_size, PAGE,
		   SEGMENT_HIGH, &p->purgatory_at, err);
	if (rc)
		return rc;
	fill_digests(l);
	l->segments.entry = p->purgatory_at;
	return 0;
}

static int lay_out(struct kexecload *l, const char *root, const struct kexecload_request *req,
		   struct err *err)
{
	struct kexecload_parts *p = l->parts;
	uint64_t corehdr_at = 0;
	int rc = choose_area(l, err);

	if (!rc)
		rc = place_kernel(l, err);
	if (!rc)
		rc = place_corehdr(l, root, &corehdr_at, err);
	if (!rc)
		rc = place(l, "initrd", p->initrd, p->initrd_size, p->initrd_size, PAGE,
			   SEGMENT_HIGH, &p->initrd_at, err);
	if (!rc && p->initrd_at + p->initrd_size - 1 > p->kernel.initrd_max)
		rc = err_set(err, ERR_LIMIT,
			     "the initrd would end at %#" PRIx64 ", and the kernel wants it below "
			     "%#" PRIx64,
			     p->initrd_at + p->initrd_size, p->kernel.initrd_max);
	if (!rc)
		rc = make_cmdline(p, req, corehdr_at, err);
	if (!rc)
		rc = place_bootparams(l, err);
	if (!rc)
		rc = place_purgatory(l, err);
	if (!rc && segments_free(&l->segments) < ROOM_FOR_KERNEL)
		rc = err_set(err, ERR_LIMIT,
			     "only %" PRIu64 " KiB of the reserved memory are left, %d are needed "
			     "for page tables: give crashkernel= a larger size and reboot",
			     segments_free(&l->segments) >> 10, ROOM_FOR_KERNEL >> 10);
	return rc ? rc : segments_check(&l->segments, err);
}

int kexecload_prepare(struct kexecload *l, const char *root, const struct kexecload_request *req,
		      struct err *err)
{
	int rc;

	*l = (struct kexecload){.serial = serial_port(req->running_cmdline)};
	l->parts = calloc(1, sizeof(*l->parts));
	if (!l->parts)
		return err_set(err, ERR_NOMEM, "no memory to load");
	rc = read_machine(l, root, err);
	if (!rc)
		rc = read_files(l->parts, req, err);
	return rc ? rc : lay_out(l, root, req, err);
}

int kexecload_explain(int sys, const struct facts *f, const struct kexecfile_request *r,
		      struct err *err)
{
	if (sys == EPERM && f->may_load && f->load_disabled != 1 && f->load_limit != 0 &&
	    f->lockdown[0] && strcmp(f->lockdown, "none") != 0) {
		err_set(err, ERR_SYS,
			"the kernel is locked down (%s) and takes no segments of ours: use "
			"'load_with kexec_file_load' with a kernel that is signed",
			f->lockdown);
		if (err)
			err->sys = sys;
		return ERR_SYS;
	}
	if (sys == ENOSYS)
		return err_set(
			err, ERR_UNSUPPORTED,
			"this kernel has no kexec_load(2): it was built without CONFIG_KEXEC; "
			"use 'load_with kexec_file_load'");
	if (sys != EINVAL && sys != EADDRNOTAVAIL && sys != EFAULT)
		return kexecfile_explain(sys, f, r, err);
	errno = sys;
	return err_sys(err, "the kernel refused segments that look right; `dmesg | grep -i kexec` "
			    "may tell why");
}

/*
 * Kernels that keep the elfcorehdr up to date have known two flags for it, and those of x86 take
 * the older one to this day (arch_crash_hotplug_support()). It is tried first: since 6.3 each call,
 * also a refused one, counts against kernel.kexec_load_limit_panic.
 */
int kexecload_run(struct kexecload *l, kexecload_call *call)
{
	static const unsigned long hotplug_flags[] = {KEXECLOAD_UPDATE_ELFCOREHDR,
						      KEXECLOAD_HOTPLUG_SUPPORT};
	struct kexecload_segment list[SEGMENTS_MAX];
	unsigned long flags = KEXECLOAD_ON_CRASH | KEXECLOAD_X86_64;

	for (size_t i = 0; i < l->segments.n; i++) {
		const struct segment *s = &l->segments.list[i];

		list[i] = (struct kexecload_segment){
			.buf = s->data, .bufsz = s->size, .mem = s->start, .memsz = s->memsz};
	}
	for (size_t i = 0; i < ARRAY_SIZE(hotplug_flags) && l->hotplug; i++) {
		if (call(l->segments.entry, l->segments.n, list, flags | hotplug_flags[i]) == 0)
			return 0;
		if (errno != EINVAL)
			return -1;
	}
	if (l->hotplug) {
		l->hotplug = 0;
		fill_digests(l);
	}
	return call(l->segments.entry, l->segments.n, list, flags) == 0 ? 0 : -1;
}

void kexecload_deinit(struct kexecload *l)
{
	struct kexecload_parts *p = l->parts;

	if (!p)
		return;
	iomem_free(&p->iomem);
	kernel_free(&p->kernel);
	corehdr_deinit(&p->corehdr);
	free(p->map.entries);
	free(p->kernel_file);
	free(p->initrd);
	free(p->bootparams);
	free(p->purgatory);
	free(p->running);
	free(p);
	*l = (struct kexecload){0};
}
