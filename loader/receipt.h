/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * receipt: what became of one crash, as far as it can be known, kept in /var/lib/lifeboat/receipts.
 * docs/receipts.md lists the members of the file and how each outcome is told.
 */
#ifndef LOADER_RECEIPT_H
#define LOADER_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/armed.h"

struct err;
struct json_object;

#define RECEIPT_DIR LIFEBOAT_DIR "/receipts"

enum {
	RECEIPT_LINE_MAX = 512, /* of each text, its zero included */
	RECEIPT_DUMPS_MAX = 8,
	RECEIPT_EVIDENCE_MAX = 64,
	RECEIPT_EVIDENCE_LEN = 256,
	RECEIPTS_MAX = 1000, /* kept; the oldest go */
	RECEIPT_NAME_MAX = 64,
};

/* From best to worst. */
enum receipt_outcome {
	RECEIPT_CAPTURED, /* a complete dump */
	RECEIPT_PARTIAL, /* an incomplete one that can be used */
	RECEIPT_SMALL, /* only the small files, as crash_loop wants it */
	RECEIPT_FAILED, /* the capture kernel came up, and there is no dump */
	RECEIPT_UNKNOWN, /* no dump here, and there are targets that cannot be seen from here */
	RECEIPT_NO_CAPTURE, /* a panic is recorded, of a capture kernel there is no trace */
	RECEIPT_NOT_ARMED, /* a panic is recorded, and no capture kernel was loaded */
	RECEIPT_UNCLEAN, /* the machine did not end in order, and nothing says why */
	RECEIPT_OUTCOMES,
};

struct receipt_dump {
	char path[RECEIPT_LINE_MAX]; /* crash directory or raw device, as of the running system */
	char status[32]; /* as its manifest or its files say */
};

struct receipt {
	enum receipt_outcome outcome;
	char summary[RECEIPT_LINE_MAX]; /* one sentence for people */
	uint64_t crash_time; /* seconds since 1970; 0: not known, then between the next two */
	uint64_t not_before, not_after;
	uint64_t told_time;
	char boot_id[ARMED_BOOT_ID_MAX]; /* of the boot that died; "": not known */
	char release[FACTS_WORD_MAX];
	char panic[RECEIPT_LINE_MAX]; /* the line that says why */
	char signature[20];
	char stage[64]; /* in which a capture that failed was */
	char reason[RECEIPT_LINE_MAX]; /* and why it did */
	bool test; /* `lifeboat test` crashed the machine */
	bool nomem; /* the capture says that memory ran out */
	struct identity identity; /* of what was loaded, as the load recorded it */
	uint64_t reserved, needs; /* bytes, as known at the load; 0: not known */
	size_t ndumps;
	struct receipt_dump dumps[RECEIPT_DUMPS_MAX];
	size_t ntargets; /* that the capture kernel was given */
	char targets[CONFIG_TARGETS_MAX][ARMED_TARGET_MAX];
	/* What this was told by; what is in a receipt is not told again. */
	size_t nevidence;
	char evidence[RECEIPT_EVIDENCE_MAX][RECEIPT_EVIDENCE_LEN];
};

/* All receipts below a root, newest first. */
struct receipts {
	size_t n;
	struct receipt *rows;
	char (*names)[RECEIPT_NAME_MAX]; /* of their files */
};

/* "captured", "partial" ... */
const char *receipt_outcome_name(enum receipt_outcome outcome);

/* Adds to the evidence; false when there is no more room. */
bool receipt_add_evidence(struct receipt *r, const char *evidence);

/* The text of the file in @room bytes at @buf; its length, or 0 when it does not fit. */
size_t receipt_text(const struct receipt *r, char *buf, size_t room);

/* From what jsonread_parse() read. ERR_CORRUPT for what is no receipt. */
int receipt_read(struct receipt *r, struct json_object *o, struct err *err);

/* Stores it under a name of its time, as a new one; the oldest of all go. */
int receipt_store(const struct receipt *r, const char *root, char name[static RECEIPT_NAME_MAX],
		  struct err *err);

/* Reads all; files that are no receipts are passed over. receipts_free() takes an empty one. */
int receipts_load(struct receipts *rs, const char *root, struct err *err);
void receipts_free(struct receipts *rs);

/* Whether one of them was told by @evidence. */
bool receipts_have(const struct receipts *rs, const char *evidence);

#endif
