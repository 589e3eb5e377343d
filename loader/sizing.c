// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/sizing.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/blockdev.h"
#include "loader/initrd.h"
#include "loader/iomem.h"
#include "loader/kernel.h"
#include "loader/places.h"
#include "vmcore/config.h"

#define MIB (1ULL << 20)

enum {
	NICS_SEEN_MAX = 4096, /* entries of /sys/class/net */
	CPUINFO_LINES_MAX = 64, /* the flags are among those of the first CPU */
};

void sizing_images(const struct image *kernel, const struct image *initrd,
		   char ret[static MEASURED_IMAGES_MAX])
{
	snprintf(ret, MEASURED_IMAGES_MAX, "%.8s-%.8s", kernel->digest, initrd->digest);
}

dev_t sizing_device_of(const char *root, const char *path)
{
	char full[FACTS_PATH_MAX];
	struct stat st;
	char *slash;

	if (facts_path(full, sizeof(full), root, path, NULL))
		return 0;
	while (stat(full, &st)) {
		slash = strrchr(full, '/');
		if (!slash || (size_t)(slash - full) < strlen(root))
			return 0;
		*slash = '\0';
		if (!full[0])
			return stat("/", &st) ? 0 : st.st_dev;
	}
	return st.st_dev;
}

static void note(struct sizing *s, const char *text)
{
	if (!s->note[0])
		snprintf(s->note, sizeof(s->note), "%.1000s", text);
}

/* An ELF vmlinux, or what is wrapped, tells its size only when it is taken apart. */
static int parse_kernel(struct sizing *s, int fd, struct err *err)
{
	struct kernel k;
	void *map = mmap(NULL, s->kernel.size, PROT_READ, MAP_PRIVATE, fd, 0);
	int rc;

	if (map == MAP_FAILED)
		return err_sys(err, "%s", s->kernel.path);
	rc = kernel_parse(&k, map, s->kernel.size, err);
	if (rc) {
		err_prepend(err, "%s", s->kernel.path);
	} else {
		s->need_facts.kernel = k.memory;
		snprintf(s->kernel_source, sizeof(s->kernel_source), "%s of %.120s",
			 k.setup ? "init_size in the header" : "the program headers",
			 s->kernel.path);
	}
	kernel_free(&k);
	munmap(map, s->kernel.size);
	return rc;
}

static int read_kernel(struct sizing *s, const char *root, const struct config *c, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	int rc = image_open_kernel(&s->kernel, root, c->kernel, s->facts.release, &fd, err);

	if (rc)
		return rc;
	s->need_facts.kernel_source = s->kernel_source;
	s->need_facts.kernel = s->kernel.memory;
	snprintf(s->kernel_source, sizeof(s->kernel_source), "init_size in the header of %.120s",
		 s->kernel.path);
	// A plain file of 0 or of its own size says nothing of what it becomes.
	return s->kernel.memory > s->kernel.size ? 0 : parse_kernel(s, fd, err);
}

/*
 * The cards that the capture kernel will drive: their driver is aboard. One that is part of the
 * kernel itself drives them whatever the targets are, and is not seen here.
 */
static void count_nics(struct sizing *s, const char *root, const struct initrd *r)
{
	char dir[FACTS_PATH_MAX], link[FACTS_PATH_MAX], to[FACTS_PATH_MAX];
	DIR *d = facts_path(dir, sizeof(dir), root, "/sys/class/net", NULL) ? NULL : opendir(dir);
	struct dirent *e;

	for (int i = 0; d && i < NICS_SEEN_MAX && (e = readdir(d)); i++) {
		ssize_t n;
		char *name;
		int nic;

		if (snprintf(link, sizeof(link), "%s/%s/device/driver", dir, e->d_name) >=
		    (int)sizeof(link))
			continue;
		n = readlink(link, to, sizeof(to) - 1);
		if (n <= 0)
			continue;
		to[n] = '\0';
		name = strrchr(to, '/');
		name = name ? name + 1 : to;
		nic = need_nic(name);
		if (nic >= 0 && initrd_module(r, name))
			s->need_facts.nics[nic]++;
	}
	if (d)
		closedir(d);
}

static int read_initrd(struct sizing *s, const char *root, const struct config *c, struct initrd *r,
		       struct err *err)
{
	const char *release = s->kernel.release[0] ? s->kernel.release : s->facts.release;
	struct need_facts *f = &s->need_facts;
	CLEANUP_CLOSE int fd = -1;
	int rc = image_open_initrd(&s->initrd, root, c->initrd, release, &fd, err);

	if (!rc)
		rc = initrd_open(r, root, s->initrd.path, err);
	if (rc)
		return rc;
	f->initrd_packed = r->packed;
	f->initrd_first = r->first;
	f->initrd_unpacked = r->unpacked;
	f->initrd_window = r->window;
	f->initrd_codec = r->codec;
	f->modules = initrd_modules(r, &f->nmodules);
	for (size_t i = 0; i < r->n && f->nmodules; i++)
		if (r->files[i].size > f->module_largest && r->files[i].path_len > 3 &&
		    memmem(r->files[i].path, r->files[i].path_len, ".ko", 3))
			f->module_largest = r->files[i].size;
	count_nics(s, root, r);
	f->ssh = initrd_find(r, "bin/ssh") || initrd_find(r, "usr/bin/ssh");
	return 0;
}

static void read_memory(struct sizing *s, const char *root)
{
	struct need_facts *f = &s->need_facts;
	const struct iomem_range *crash;
	struct iomem m = {0};
	struct err why = {0};

	if (iomem_read(&m, root, &why)) {
		note(s, why.msg);
		return;
	}
	for (size_t i = 0; i < m.n; i++) {
		if (m.ranges[i].depth || strcmp(m.ranges[i].name, "System RAM") != 0)
			continue;
		f->memory += m.ranges[i].end - m.ranges[i].start;
		f->ranges++;
	}
	crash = iomem_highest(&m, "Crash kernel");
	if (crash) {
		f->area_start = crash->start;
		f->area_end = crash->end;
	}
	iomem_free(&m);
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += len)
		if ((p == text || strchr(" \t\n", p[-1])) && strchr(" \t\n", p[len]))
			return true;
	return false;
}

/* The flags of the first CPU; the caller frees. */
static char *read_flags(const char *root)
{
	char path[FACTS_PATH_MAX], *line = NULL;
	size_t room = 0;
	FILE *in = facts_path(path, sizeof(path), root, "/proc/cpuinfo", NULL) ? NULL
									       : fopen(path, "re");

	for (int i = 0; in && i < CPUINFO_LINES_MAX && getline(&line, &room, in) > 0; i++) {
		if (strncmp(line, "flags", 5) == 0) {
			fclose(in);
			return line;
		}
	}
	if (in)
		fclose(in);
	free(line);
	return NULL;
}

/*
 * Of a host `sev` only says that guests may have it, and `sme` that firmware allows it: the kernel
 * uses that when it is told to. A guest of KVM may have no flag at all; that of SEV-SNP has a device.
 */
static bool encrypted(const char *root)
{
	CLEANUP_FREE char *flags = read_flags(root), *cmdline = NULL;
	char path[FACTS_PATH_MAX];

	if (!facts_path(path, sizeof(path), root, "/sys/class/misc/sev-guest", NULL) &&
	    access(path, F_OK) == 0)
		return true;
	if (!flags)
		return false;
	if (has_word(flags, "tdx_guest") ||
	    (has_word(flags, "hypervisor") && has_word(flags, "sev")))
		return true;
	return has_word(flags, "sme") &&
	       !facts_path(path, sizeof(path), root, "/proc/cmdline", NULL) &&
	       !io_read_file(path, FACTS_CMDLINE_MAX, &cmdline, NULL, NULL) &&
	       has_word(cmdline, "mem_encrypt=on");
}

/* swiotlb=SLABS of 2 KiB (IO_TLB_SHIFT), of the words for the capture kernel; the last one counts. */
static uint64_t bounce_buffers(const struct config *c)
{
	const char *words = c->cmdline[0] ? c->cmdline : c->cmdline_append;
	uint64_t slabs = 0;

	for (const char *p = words; (p = strstr(p, "swiotlb=")); p += 8)
		if (p == words || p[-1] == ' ')
			slabs = strtoul(p + 8, NULL, 10);
	return slabs ? slabs << 11 : NEED_SWIOTLB;
}

static bool is_ext(const char *fstype)
{
	return strcmp(fstype, "ext2") == 0 || strcmp(fstype, "ext3") == 0 ||
	       strcmp(fstype, "ext4") == 0;
}

/* @fstype: of the file system on it, "" when there is none that will be mounted. */
static void look_at_device(struct sizing *s, const char *root, dev_t dev, const char *fstype)
{
	CLEANUP_FREE struct blockdev *b = malloc(sizeof(*b));
	struct err why = {0};

	if (!b || !dev)
		return;
	// One without a device of its own, such as tmpfs or btrfs, is not in /sys.
	if (blockdev_look(b, root, dev, &why))
		return;
	// One target is let go of before the next one is mounted.
	if (is_ext(fstype) && b->bytes > s->need_facts.ext)
		s->need_facts.ext = b->bytes;
	s->need_facts.luks = s->need_facts.luks || b->luks;
	if (b->luks_memory > s->need_facts.luks_memory)
		s->need_facts.luks_memory = b->luks_memory;
	if (b->luks_unknown)
		note(s,
		     "the LUKS header of a target can't be read: what its key takes is not in the sum");
}

static void look_at_target(struct sizing *s, const char *root, const struct config_target *t)
{
	char node[FACTS_PATH_MAX], fstype[sizeof(t->fstype)];
	struct stat st;
	dev_t dev;

	switch (t->kind) {
	case CONFIG_TARGET_LOCAL:
		s->need_facts.disk = true;
		dev = sizing_device_of(root, t->path);
		if (!places_fstype(root, dev, fstype, sizeof(fstype)))
			fstype[0] = '\0';
		look_at_device(s, root, dev, fstype);
		break;
	case CONFIG_TARGET_FS:
	case CONFIG_TARGET_RAW:
		s->need_facts.disk = true;
		if (!places_device(t->where, node, sizeof(node), NULL) && !stat(node, &st))
			look_at_device(s, root, st.st_rdev, t->fstype);
		break;
	case CONFIG_TARGET_NFS:
		s->need_facts.network = true;
		break;
	case CONFIG_TARGET_SSH:
		s->need_facts.network = true;
		s->need_facts.ssh = true;
		break;
	}
}

static uint64_t whole_mib(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB * MIB;
}

/* What is measured holds for the moment of the dump; the other moment is computed in any case. */
void sizing_settle(struct sizing *s)
{
	const struct need *n = &s->need;
	const struct measured *m = &s->measured;
	uint64_t boot = n->always + n->boot;
	uint64_t reserved = s->facts.crash_size > 0 ? s->facts.crash_size : 0;
	uint64_t others = n->always + n->work - n->collector;

	s->bytes = n->total;
	if (m->need)
		s->bytes = m->need > boot ? m->need : boot;
	if (m->least.bytes > s->bytes)
		s->bytes = m->least.bytes;
	s->bytes = whole_mib(s->bytes);
	s->next = s->bytes;
	if (!m->need || !m->whole.anywhere)
		s->next = whole_mib(s->bytes + n->elsewhere);
	// Where less was measured than computed, the others take less, and not the collector.
	if (s->bytes > n->collector && others > s->bytes - n->collector)
		others = s->bytes - n->collector;
	s->left = reserved > others ? reserved - others : 0;
}

static int gather(struct sizing *s, const char *root, const struct config *c, bool targets,
		  struct initrd *contents, struct err *err)
{
	struct initrd own = {0};
	struct initrd *r = contents ? contents : &own;
	int rc;

	*s = (struct sizing){.left = 0};
	*r = (struct initrd){0};
	rc = facts_gather(&s->facts, root, err);
	if (!rc)
		rc = read_kernel(s, root, c, err);
	if (!rc)
		rc = read_initrd(s, root, c, r, err);
	initrd_close(&own);
	if (rc)
		return rc;
	sizing_images(&s->kernel, &s->initrd, s->images);
	s->need_facts.notes = s->facts.cpus;
	s->need_facts.cpus = c->capture_cpus;
	s->need_facts.present = s->facts.cpus;
	s->need_facts.may_start = s->facts.boot_apicid >= 0;
	s->need_facts.swiotlb = encrypted(root) ? bounce_buffers(c) : 0;
	read_memory(s, root);
	for (size_t i = 0; i < c->ntargets; i++)
		look_at_target(s, root, &c->targets[i]);
	measured_find(&s->measured, root, c, s->images, targets);
	s->need_facts.rehearsed = s->measured.rehearsed;
	s->need_facts.rehearsed_limit = s->measured.rehearsed_limit;
	need_compute(&s->need, &s->need_facts);
	sizing_settle(s);
	return 0;
}

int sizing_gather(struct sizing *s, const char *root, const struct config *c,
		  struct initrd *contents, struct err *err)
{
	return gather(s, root, c, true, contents, err);
}

int sizing_gather_here(struct sizing *s, const char *root, const struct config *c, struct err *err)
{
	return gather(s, root, c, false, NULL, err);
}
