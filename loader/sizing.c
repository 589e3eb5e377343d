// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/sizing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/blockdev.h"
#include "loader/initrd.h"
#include "loader/iomem.h"
#include "loader/kernel.h"
#include "loader/places.h"
#include "vmcore/config.h"

#define MIB (1ULL << 20)

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

static void look_at_device(struct sizing *s, const char *root, dev_t dev)
{
	CLEANUP_FREE struct blockdev *b = malloc(sizeof(*b));
	struct err why = {0};

	if (!b || !dev)
		return;
	// One without a device of its own, such as tmpfs or btrfs, is not in /sys.
	if (blockdev_look(b, root, dev, &why))
		return;
	s->need_facts.luks = s->need_facts.luks || b->luks;
	if (b->luks_memory > s->need_facts.luks_memory)
		s->need_facts.luks_memory = b->luks_memory;
	if (b->luks_unknown)
		note(s,
		     "the LUKS header of a target can't be read: what its key takes is not in the sum");
}

static void look_at_target(struct sizing *s, const char *root, const struct config_target *t)
{
	char node[FACTS_PATH_MAX];
	struct stat st;

	switch (t->kind) {
	case CONFIG_TARGET_LOCAL:
		s->need_facts.disk = true;
		look_at_device(s, root, sizing_device_of(root, t->path));
		break;
	case CONFIG_TARGET_FS:
	case CONFIG_TARGET_RAW:
		s->need_facts.disk = true;
		if (!places_device(t->where, node, sizeof(node), NULL) && !stat(node, &st))
			look_at_device(s, root, st.st_rdev);
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

/* What is measured holds for the moment of the dump; the other moment is computed in any case. */
static void settle(struct sizing *s)
{
	const struct need *n = &s->need;
	uint64_t boot = n->always + n->boot;
	uint64_t reserved = s->facts.crash_size > 0 ? s->facts.crash_size : 0;
	uint64_t others = n->always + n->work - n->collector;

	s->bytes = n->total;
	if (s->measured.need)
		s->bytes = s->measured.need > boot ? s->measured.need : boot;
	s->bytes = (s->bytes + MIB - 1) / MIB * MIB;
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
	read_memory(s, root);
	for (size_t i = 0; i < c->ntargets; i++)
		look_at_target(s, root, &c->targets[i]);
	need_compute(&s->need, &s->need_facts);
	measured_find(&s->measured, root, targets ? c : NULL, s->images);
	settle(s);
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
