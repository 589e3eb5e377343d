// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page-table walks over forged memory. The first byte is the number of levels, the next eight
 * are an address, and the rest is physical memory from 0x1000000 on, the root first.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "tests/fuzz/fuzz.h"
#include "vmcore/xlat.h"

#define MEMORY 0x1000000ULL
#define RANGE  (64ULL << 20)

enum {
	HEADER = 9,
	PAGE = 4096,
};

struct memory {
	const uint8_t *data;
	size_t size;
	uint64_t reads;
};

static int read_word(void *ctx, paddr_t paddr, uint64_t *ret, struct err *err)
{
	struct memory *m = ctx;

	m->reads++;
	if (paddr < MEMORY || m->size < sizeof(*ret) || paddr - MEMORY > m->size - sizeof(*ret))
		return err_set(err, ERR_NOTFOUND, "no memory at %#llx", (unsigned long long)paddr);
	*ret = load_le64(m->data + (paddr - MEMORY));
	return 0;
}

static void walk_range(const struct xlat *x, struct memory *m, vaddr_t va)
{
	vaddr_t end = va > UINT64_MAX - RANGE ? UINT64_MAX : va + RANGE, at = va;
	struct xlat_leaf leaf;

	m->reads = 0;
	while (xlat_next(x, at, end, &leaf)) {
		FUZZ_CHECK(leaf.vaddr <= end && leaf.vaddr + (leaf.size - 1) >= at);
		if (leaf.vaddr + leaf.size <= at)
			break;
		at = leaf.vaddr + leaf.size;
	}
	FUZZ_CHECK(m->reads <= (RANGE / PAGE + 2 * 512) * 5);
}

static int run(const uint8_t *data, size_t size)
{
	static const char text[] = "SYMBOL(init_top_pgt)=ffffffff81000000\nNUMBER(phys_base)=0\n"
				   "SYMBOL(_stext)=ffffffff81000000\n"
				   "NUMBER(KERNEL_IMAGE_SIZE)=33554432\n"
				   "NUMBER(pgtable_l5_enabled)=";
	char info[sizeof(text) + 2];
	struct memory m = {0};
	struct vmcoreinfo *vi;
	struct xlat_leaf leaf;
	vaddr_t va, start, end;
	struct xlat *x;
	int rc;

	if (size < HEADER || (data[0] != 4 && data[0] != 5))
		return ERR_UNSUPPORTED;
	memcpy(info, text, sizeof(text));
	strcat(info, data[0] == 5 ? "1" : "0");
	va = load_le64(data + 1);
	m.data = data + HEADER;
	m.size = size - HEADER;
	FUZZ_CHECK(vmcoreinfo_create(info, strlen(info), &vi, NULL) == 0);
	FUZZ_CHECK(xlat_create(EM_X86_64, vi, NULL, read_word, &m, &x, NULL) == 0);
	rc = xlat_walk(x, va, &leaf, NULL);
	FUZZ_CHECK(m.reads <= data[0]);
	FUZZ_CHECK(rc == 0 || rc == ERR_NOTFOUND || rc == ERR_CORRUPT);
	if (rc == 0)
		FUZZ_CHECK(leaf.vaddr <= va && va - leaf.vaddr < leaf.size &&
			   leaf.paddr % leaf.size == 0);
	walk_range(x, &m, va);
	if (xlat_kernel_image(x, &start, &end, NULL) == 0)
		FUZZ_CHECK(start < end);
	xlat_destroy(x);
	vmcoreinfo_destroy(vi);
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
