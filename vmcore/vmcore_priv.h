/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmcore_priv: what the files that implement vmcore.h share. A format is a row of the table
 * in vmcore.c and a file of its own. Below them lie sources (vmcore/source.h): what a format
 * calls its file may be the content of a flattened one.
 */
#ifndef VMCORE_VMCORE_PRIV_H
#define VMCORE_VMCORE_PRIV_H

#include <stdatomic.h>

#include "vmcore/vmcore.h"

enum {
	VMCORE_PROBE_SIZE = 4096, /* bytes of the file's head that a probe may look at */
};

struct source;
struct vmcore;

struct vmcore_format {
	const char *name;

	/* Whether the @size bytes at @head begin such a file. "Not mine" is no error. */
	bool (*probe)(const uint8_t *head, size_t size);

	/* Fills vc->info and what it points to. After a failure close() is called. */
	int (*open)(struct vmcore *vc, struct err *err);

	/* Bytes of @range from @skip on, all within its filesz. Safe from any thread. */
	int (*read)(struct vmcore *vc, const struct vmcore_range *range, uint64_t skip, void *buf,
		    size_t size, struct err *err);

	/*
	 * How many bytes of @range from @skip on (< memsz), at least one and at most @max, share
	 * the fate of the first: *@there says whether they are in the file. NULL: those before
	 * filesz are.
	 */
	uint64_t (*run)(const struct vmcore *vc, const struct vmcore_range *range, uint64_t skip,
			uint64_t max, bool *there);

	/* Frees vc->priv; NULL when the format keeps nothing there. */
	void (*close)(struct vmcore *vc);

	/* Memory lies in the file as it is, at vmcore_range.offset: windows can map it. */
	bool mappable;

	/* One dump may be in several files. */
	bool sets;
};

struct vmcore {
	struct source *srcs; /* owned; the formats that know no sets have one */
	size_t nsrcs;
	const struct vmcore_format *format;
	void *priv; /* the format's own */
	struct vmcore_info info;
	uint8_t *notes; /* owned; info.notes is the same */
	struct vmcore_range *ranges; /* owned; info.ranges is the same */
	atomic_ullong read_errors;
};

/* A piece of memory as the file describes it, before vmcore_resolve(). */
struct vmcore_segment {
	struct vmcore_range range;
	uint32_t index; /* which one it is in the file, for messages */
	bool text; /* the kernel image, which the linear mapping describes too */
};

extern const struct vmcore_format vmcore_format_elf;
extern const struct vmcore_format vmcore_format_kdump;

/* Adds a sentence to info.warnings. */
void vmcore_warn(struct vmcore *vc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* format->run(), or what stands for it where there is none. */
uint64_t vmcore_run(const struct vmcore *vc, const struct vmcore_range *range, uint64_t skip,
		    uint64_t max, bool *there);

/*
 * Reads @size bytes of the (first) file at @offset. Pages that the system cannot read (EIO, EFAULT:
 * old memory that is bad) become zeros and are counted; ERR_NODATA at the end of the file.
 */
int vmcore_pread(struct vmcore *vc, uint64_t offset, void *buf, size_t size, struct err *err);

/*
 * Makes vc->ranges of the @n segments, in ascending order and without overlap, each byte from
 * the best of the segments that claim it (docs/vmcore-input.md). @segs is left alone.
 */
int vmcore_resolve(struct vmcore *vc, const struct vmcore_segment *segs, size_t n, struct err *err);

#endif
