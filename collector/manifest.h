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

struct attempt;
struct kmem;
struct plan;

enum {
	MANIFEST_SIZE_MAX = 32 << 10, /* of its body, if every byte of every string is escaped */
	MANIFEST_TEXT_MAX = 288 << 10, /* of all of it, with as many attempts as there can be */
	MANIFEST_PANIC_MAX = 256,
	MANIFEST_REASON_MAX = 512,
};

enum manifest_status {
	MANIFEST_FAILED, /* nothing but this */
	MANIFEST_DMESG, /* the log, but no dump */
	MANIFEST_MINI, /* the log and the mini-core */
	MANIFEST_INCOMPLETE, /* a dump that is usable and not whole */
	MANIFEST_COMPLETE,
};

/* Stages of a capture, in milliseconds. */
enum manifest_stage {
	STAGE_OPEN, /* vmcore, vmcoreinfo, translation */
	STAGE_TARGET, /* waiting for the device and mounting it, or logging in */
	STAGE_RECORD, /* T0 */
	STAGE_DMESG, /* T1 */
	STAGE_MINI, /* T2 */
	STAGE_PLAN,
	STAGE_PAGES,
	STAGE_COMMIT,
	STAGES,
};

/* What is saved of a crash, from the smallest on: each is safe before the next is begun. */
enum tier {
	TIER_RECORD, /* T0, the panic record */
	TIER_DMESG, /* T1, the log */
	TIER_MINI, /* T2, the mini-core */
	TIER_DUMP, /* T3 */
	TIERS,
};

enum tier_state {
	TIER_NONE, /* not tried */
	TIER_BEGUN, /* and not ended: whoever did it is gone */
	TIER_FAILED,
	TIER_INCOMPLETE, /* of the dump: usable, not whole */
	TIER_COMMITTED, /* durable on the target */
	TIER_REMOVED, /* it was, and gave way to what holds all of it */
};

/* How it came out: known to whoever started the capture, even of one that was killed. */
struct manifest_head {
	enum manifest_status status;
	const char *reason; /* why it is not complete */
	const enum tier_state *tiers; /* TIERS of them */
	const struct attempt *attempts; /* on all targets */
	size_t nattempts;
};

/* Everything there is to say of it; filled as the capture goes on. Pointers may be NULL. */
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
	uint64_t low_kib; /* lowwater.h; 0: not known */
	uint64_t budget_kib; /* that the budget came to; 0: none was made */
	uint64_t commit_time; /* seconds since 1970, by the capture kernel's clock */
};

/*
 * What is known of a crash and its dump, but not how the capture came out: a JSON object,
 * zero-terminated, in the @room bytes at @buf; its length, 0 if it does not fit.
 */
size_t manifest_body(const struct manifest *m, char *buf, size_t room);

/* The whole text: @head, then the members of @body, which manifest_body() made; or "". The same. */
size_t manifest_text(const struct manifest_head *head, const char *body, char *buf, size_t room);

const char *manifest_status_name(enum manifest_status status);
const char *manifest_stage_name(enum manifest_stage stage);
const char *manifest_tier_name(enum tier tier);
const char *manifest_tier_state_name(enum tier_state state);

/* Peak resident memory of this process in KiB, 0 if unknown. */
uint64_t manifest_peak_kib(void);

#endif
