// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/xlat.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/xlat_priv.h"

static const struct xlat_arch *const arches[] = {&xlat_x86_64};

static const struct xlat_arch *arch_by_machine(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (arches[i]->machine == machine)
			return arches[i];
	return NULL;
}

void xlat_hint_add(uint16_t machine, struct xlat_hint *hint, vaddr_t vaddr, paddr_t paddr)
{
	const struct xlat_arch *arch = arch_by_machine(machine);

	if (arch)
		arch->hint_add(hint, vaddr, paddr);
}

int xlat_create(uint16_t machine, const struct vmcoreinfo *vi, const struct xlat_hint *hint,
		xlat_read_fn read, void *ctx, struct xlat **ret, struct err *err)
{
	const struct xlat_arch *arch = arch_by_machine(machine);
	CLEANUP_FREE struct xlat *x = NULL;
	int rc;

	if (!arch)
		return err_set(err, ERR_UNSUPPORTED,
			       "address translation: no code for ELF machine %u", machine);
	x = calloc(1, sizeof(*x));
	if (!x)
		return err_set(err, ERR_NOMEM, "address translation: no memory");
	x->arch = arch;
	x->read = read;
	x->ctx = ctx;
	rc = arch->setup(x, vi, hint, err);
	if (rc) {
		err_prepend(err, "address translation: %s", arch->name);
		return rc;
	}
	*ret = STEAL_PTR(x);
	return 0;
}

void xlat_destroy(struct xlat *x)
{
	free(x);
}

int xlat_walk(const struct xlat *x, vaddr_t va, struct xlat_leaf *ret, struct err *err)
{
	vaddr_t hole;

	return x->arch->walk(x, va, ret, &hole, err);
}

int xlat_paddr(const struct xlat *x, vaddr_t va, paddr_t *ret, struct err *err)
{
	struct xlat_leaf leaf;
	int rc = xlat_walk(x, va, &leaf, err);

	if (rc)
		return rc;
	*ret = leaf.paddr + (va - leaf.vaddr);
	return 0;
}

bool xlat_next(const struct xlat *x, vaddr_t va, vaddr_t end, struct xlat_leaf *ret)
{
	vaddr_t hole;

	// Every step goes up by an entry at least, so this ends, but only a caller with a
	// sensible range gets an answer in a sensible time.
	while (va < end) {
		if (x->arch->walk(x, va, ret, &hole, NULL) == 0)
			return true;
		if (hole <= va)
			return false;
		va = hole;
	}
	return false;
}

size_t xlat_tour(const struct xlat *x, vaddr_t start, vaddr_t last, size_t max,
		 const struct xlat_tour *tour)
{
	return start <= last ? x->arch->tour(x, start, last, max, tour) : 0;
}

unsigned int xlat_levels(const struct xlat *x)
{
	return x->levels;
}

int xlat_kernel_image(const struct xlat *x, vaddr_t *start, vaddr_t *end, struct err *err)
{
	vaddr_t va = x->image_start, last = 0;
	struct xlat_leaf leaf;

	if (x->image_start >= x->image_limit)
		return err_set(err, ERR_NOTFOUND,
			       "kernel image: where it begins is not known (no SYMBOL(_stext))");
	while (xlat_next(x, va, x->image_limit, &leaf)) {
		last = leaf.vaddr + leaf.size;
		// A leaf that ends at 2^64 is the last one.
		if (last <= va)
			break;
		va = last;
	}
	if (!last)
		return err_set(err, ERR_NOTFOUND,
			       "kernel image: nothing is mapped from %#llx to %#llx",
			       (unsigned long long)x->image_start,
			       (unsigned long long)x->image_limit);
	*start = x->image_start;
	*end = last < x->image_limit ? last : x->image_limit;
	return 0;
}
