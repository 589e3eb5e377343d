// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/memmodel.h"

#include "crashnotes/vmcoreinfo.h"

enum memmodel memmodel_of(const struct vmcoreinfo *vi)
{
	uint64_t v;

	if (vmcoreinfo_symbol(vi, "mem_section", &v) && vmcoreinfo_sizeof(vi, "mem_section", &v) &&
	    vmcoreinfo_offset(vi, "mem_section.section_mem_map", &v))
		return MEMMODEL_SPARSE;
	return vmcoreinfo_symbol(vi, "mem_map", &v) ? MEMMODEL_FLAT : MEMMODEL_UNKNOWN;
}
