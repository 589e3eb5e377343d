// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way from a forged kernel to a plan. The first byte tells how memory is described, behind
 * it stands the text of vmcoreinfo up to a zero byte, and from 4096 on physical memory, which
 * begins at 16 MiB.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/plan.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/mkcore.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

#define MEMORY_AT 0x1000000ULL
#define FAR_AT	  0x3ff0000000ULL
#define KERNEL_AT 0xffffffff80000000ULL

enum {
	MEMORY_MAX = 128 << 10,
	HEADER = 4096,
	WITH_HOLE = 1, /* the last page of memory is missing */
	WITH_FAR = 2, /* there is memory far away */
	WITH_NO_NOTE = 4, /* vmcoreinfo is in memory only, if anywhere */
	WITH_IMAGE = 8, /* a program header maps the kernel's image */
};

/* What the input is made of. */
struct input {
	char info[HEADER + 64];
	const uint8_t *memory;
	size_t info_size, memory_size;
	uint8_t how;
};

static int cut(struct input *in, const uint8_t *data, size_t size)
{
	// An image of a GiB takes seconds to walk through: fuzz_xlat does that. Of two lines with
	// the same key the last one counts.
	static const char limit[] = "\nNUMBER(KERNEL_IMAGE_SIZE)=33554432\n";

	if (size <= HEADER || size - HEADER > MEMORY_MAX)
		return ERR_UNSUPPORTED;
	*in = (struct input){
		.how = data[0],
		.info_size = strnlen((const char *)data + 1, HEADER - 1),
		.memory = data + HEADER,
		.memory_size = size - HEADER,
	};
	memcpy(in->info, data + 1, in->info_size);
	memcpy(in->info + in->info_size, limit, sizeof(limit) - 1);
	in->info_size += sizeof(limit) - 1;
	return 0;
}

static void add_load(struct mkcore *mk, paddr_t paddr, vaddr_t vaddr, uint64_t size)
{
	struct mkcore_load load = {.paddr = paddr, .vaddr = vaddr, .memsz = size, .filesz = size};

	if (size)
		FUZZ_CHECK(mkcore_load(mk, &load, NULL) == 0);
}

static int make_core(const struct input *in)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct mkcore *mk = mkcore_create();
	size_t size = in->memory_size;

	FUZZ_CHECK(mk && fd >= 0);
	if (!(in->how & WITH_NO_NOTE))
		FUZZ_CHECK(!mkcore_note(mk, "VMCOREINFO", 0, in->info, in->info_size, NULL));
	if (in->how & WITH_HOLE && size > 4096)
		size -= 4096;
	add_load(mk, MEMORY_AT, 0xffff888000000000ULL + MEMORY_AT, size);
	if (in->how & WITH_FAR)
		add_load(mk, FAR_AT, 0xffff888000000000ULL + FAR_AT, 8192);
	if (in->how & WITH_IMAGE)
		add_load(mk, MEMORY_AT, KERNEL_AT + MEMORY_AT, size);
	FUZZ_CHECK(mkcore_data(mk, MEMORY_AT, in->memory, size, NULL) == 0);
	FUZZ_CHECK(mkcore_write(mk, fd, NULL) == 0);
	mkcore_destroy(mk);
	return fd;
}

/* What a plan must be whatever it was made from. */
static void check_plan(const struct plan *plan, const struct kmem *km)
{
	struct order_walk walk = {.order = &plan->order, .rank = &plan->rank};
	uint64_t indices[256], out = 0, left = 0;
	pfn_t pfns[256];
	size_t n;

	FUZZ_CHECK(plan->kept_pages <= plan->ram_pages);
	FUZZ_CHECK(plan->kept_pages == bitmap_count(&plan->kept, 0, plan->max_pfn));
	FUZZ_CHECK((plan->effective_level & ~plan->level) == 0);
	for (int c = 0; c < PAGE_CLASSES; c++)
		left += plan->counts.excluded[c];
	FUZZ_CHECK(left - plan->image_pages == plan->ram_pages - plan->kept_pages);
	while ((n = order_next(&walk, 256, pfns, indices))) {
		for (size_t i = 0; i < n; i++) {
			FUZZ_CHECK(bitmap_test(&plan->kept, pfns[i]));
			FUZZ_CHECK(indices[i] == rank_of(&plan->rank, pfns[i]));
			FUZZ_CHECK(pfns[i] << km->page_shift < FAR_AT + (64 << 10));
		}
		out += n;
	}
	FUZZ_CHECK(out == plan->kept_pages);
}

/* A plan whose bitmap is made by the block keeps the same pages. */
static void check_made(const struct plan *held, const struct kmem *km)
{
	struct plan_wish wish = {.level = 31, .threads = 1, .bitmap = 1};
	struct plan made = {0};
	pfn_t pfn = 0;

	FUZZ_CHECK(plan_init_wish(&made, km, &wish, NULL) == 0);
	FUZZ_CHECK(made.keep);
	check_plan(&made, km);
	FUZZ_CHECK(made.kept_pages == held->kept_pages);
	while ((pfn = bitmap_next(&made.kept, pfn, made.max_pfn)) < made.max_pfn)
		FUZZ_CHECK(bitmap_test(&held->kept, pfn++));
	FUZZ_CHECK(plan_changed(&made) == 0);
	plan_deinit(&made);
}

static int run(const uint8_t *data, size_t size)
{
	char path[MKCORE_PATH_MAX];
	struct vmcore *vc = NULL;
	struct plan plan = {0};
	struct input in;
	struct kmem km;
	int rc, fd;

	if (cut(&in, data, size))
		return ERR_UNSUPPORTED;
	fd = make_core(&in);
	mkcore_path(fd, path);
	FUZZ_CHECK(vmcore_open(path, &vc, NULL) == 0);
	rc = kmem_init(&km, vc, NULL, NULL);
	// A dump is planned also where nothing is known of the kernel.
	FUZZ_CHECK(plan_init(&plan, &km, 31, 1, NULL) == 0);
	check_plan(&plan, &km);
	check_made(&plan, &km);
	// Good is what was understood.
	if (!rc && plan.nnotes)
		rc = ERR_NOTFOUND;
	plan_deinit(&plan);
	kmem_deinit(&km);
	vmcore_close(vc);
	close(fd);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run(data, size);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	return run(data, size);
}
