// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/machine.h"

#include "base/err.h"
#include "loader/corehdr.h"
#include "loader/iomem.h"

int machine_tell(struct machine_facts *m, const char *root, struct err *err)
{
	struct iomem iomem = {0};
	struct corehdr hdr = {0};
	int rc = iomem_read(&iomem, root, err);

	*m = (struct machine_facts){.cpus = 0};
	if (!rc)
		rc = corehdr_build(&hdr, root, &iomem, err);
	if (!rc) {
		image_digest(hdr.data, hdr.size, m->digest);
		m->cpus = hdr.ncpus;
		m->ranges = hdr.nranges;
		m->memory = hdr.memory;
	}
	corehdr_deinit(&hdr);
	iomem_free(&iomem);
	return rc;
}
