/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest: manifest.json beside a dump: what was kept and dropped and why, digests, times,
 * memory, versions. docs/manifest.md lists its members; those never change their meaning.
 */
#ifndef COLLECTOR_MANIFEST_H
#define COLLECTOR_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "collector/pipeline.h"
#include "collector/writer.h"
#include "vmcore/printk.h"

struct kmem;
struct plan;

enum {
	MANIFEST_SIZE_MAX = 32 << 10, /* enough if every byte of every string is escaped */
	MANIFEST_PANIC_MAX = 256,
	MANIFEST_REASON_MAX = 512,
};

enum manifest_status {
	MANIFEST_FAILED, /* nothing but this */
	MANIFEST_DMESG, /* the log, but no dump */
	MANIFEST_INCOMPLETE, /* a dump that is usable and not whole */
	MANIFEST_COMPLETE,
};

/* Stages of a capture, in milliseconds. */
enum manifest_stage {
	STAGE_OPEN, /* vmcore, vmcoreinfo, translation */
	STAGE_TARGET, /* waiting for the device and mounting it */
	STAGE_DMESG,
	STAGE_PLAN,
	STAGE_PAGES,
	STAGE_COMMIT,
	STAGES,
};

/* Everything there is to say; filled as the capture goes on. Pointers may be NULL. */
struct manifest {
	enum manifest_status status;
	char reason[MANIFEST_REASON_MAX]; /* why it is not complete */
	char panic[MANIFEST_PANIC_MAX]; /* the panic line of the log */
	const struct kmem *km;
	const struct plan *plan;
	struct ladder ladder; /* of codecs; none before one is chosen */
	const char *format;
	const char *file; /* name of the dump in its directory */
	struct pipeline_stats pages;
	struct writer_result result;
	struct printk_stats dmesg;
	uint64_t read_errors;
	uint64_t stage_ms[STAGES];
	uint64_t total_ms;
	uint64_t commit_time; /* seconds since 1970, by the capture kernel's clock */
};

/* The text, zero-terminated, in the @room bytes at @buf; its length, 0 if it does not fit. */
size_t manifest_text(const struct manifest *m, char *buf, size_t room);

const char *manifest_status_name(enum manifest_status status);

/* Peak resident memory of this process in KiB, 0 if unknown. */
uint64_t manifest_peak_kib(void);

#endif
