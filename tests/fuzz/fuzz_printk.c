// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A log in forged memory. The input: le32 N, then N bytes of vmcoreinfo, then the memory at
 * MKPRINTK_VA. N of 0 and of 1 stand for the vmcoreinfo of tests/lib/mkprintk.h, of the
 * descriptor ring and of log_buf.
 */
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/mkprintk.h"
#include "vmcore/printk.h"

enum {
	INFO_PRB = 0,
	INFO_LOGBUF = 1,
	/* Each descriptor alone, its info, its text and the ID before it. */
	READS_MAX = 4 * PRINTK_RECORDS_MAX + 1024,
};

struct target {
	struct mkprintk mk; /* only mem and size, which are borrowed */
	uint64_t reads, text;
};

static int read_mem(void *ctx, vaddr_t va, void *buf, size_t size, struct err *err)
{
	struct target *t = ctx;

	FUZZ_CHECK(++t->reads <= READS_MAX);
	FUZZ_CHECK(size > 0 && size <= 4096);
	return mkprintk_read(&t->mk, va, buf, size, err);
}

static int take_text(void *ctx, const char *text, size_t size, struct err *err)
{
	struct target *t = ctx;

	(void)err;
	FUZZ_CHECK(size > 0);
	for (size_t i = 0; i < size; i++)
		FUZZ_CHECK((text[i] >= ' ' && text[i] <= '~') ||
			   (text[i] >= '\t' && text[i] <= '\r'));
	t->text += size;
	return 0;
}

static struct vmcoreinfo *info_fixed(bool prb)
{
	const struct mkprintk_opts opts = {.count_bits = 1, .size_bits = 6};
	struct vmcoreinfo *vi;
	struct mkprintk mk;

	(prb ? mkprintk_prb : mkprintk_logbuf)(&mk, &opts, NULL, 0);
	FUZZ_CHECK(!vmcoreinfo_create(mk.vmcoreinfo, strlen(mk.vmcoreinfo), &vi, NULL));
	mkprintk_deinit(&mk);
	return vi;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct vmcoreinfo *vi = NULL;
	struct target t = {0};
	struct printk_io io = {read_mem, &t, take_text, &t};
	struct printk_stats stats;
	uint32_t n;
	int rc;

	if (size < 4)
		return ERR_NODATA;
	n = load_le32(data);
	data += 4;
	size -= 4;
	if (n == INFO_PRB || n == INFO_LOGBUF) {
		vi = info_fixed(n == INFO_PRB);
		n = 0;
	} else if (n > size) {
		return ERR_NODATA;
	} else {
		rc = vmcoreinfo_create(data, n, &vi, NULL);
		if (rc)
			return rc;
	}
	t.mk.mem = (uint8_t *)data + n;
	t.mk.size = size - n;
	rc = printk_dump(vi, &io, &stats, NULL);
	vmcoreinfo_destroy(vi);
	FUZZ_CHECK(stats.bytes == t.text);
	FUZZ_CHECK(stats.lost <= PRINTK_RING_MAX);
	// A record has a prefix and a line break, and nothing is said without a record.
	FUZZ_CHECK(stats.bytes >= 16 * stats.records);
	FUZZ_CHECK(!stats.bytes == !stats.records);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
