/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence: what a crash leaves behind: crash directories on targets, a dump on a raw device,
 * records of the kernel's log in pstore, and a watchdog that says it reset the machine. Whoever
 * wrote it is not believed further than it can be printed.
 */
#ifndef LOADER_EVIDENCE_H
#define LOADER_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/receipt.h"

struct json_object;
struct place;

#define PSTORE_DIR	   "/sys/fs/pstore"
#define PSTORE_ARCHIVE_DIR "/var/lib/systemd/pstore" /* where systemd-pstore(8) moves it to */
/* The first line of the panic record that the collector writes to pstore. */
#define PSTORE_RECORD_TITLE "Lifeboat panic record"
/* What begins the reason of a capture that was kept small (collector/governor.h). */
#define EVIDENCE_GOVERNED "crash loop: "
/* What begins the line that a refusal leaves in pstore (collector/hooks.h). */
#define EVIDENCE_REFUSED "kdump_pre: no dump is wanted: "
/* What begins the line of a capture kernel that had no room for its initrd (collector/boot.h). */
#define EVIDENCE_NO_MEMORY "out of memory in the capture kernel: "
/* What begins the last line of a capture kernel: what is where (collector/course.h). */
#define EVIDENCE_TOLD "Lifeboat capture: "

enum {
	EVIDENCE_CAPTURES_MAX = 64, /* new ones at a time; the others follow the next time */
	EVIDENCE_PSTORE_MAX = 512, /* files of pstore, the same */
	EVIDENCE_PSTORE_SIZE_MAX = 256 << 10, /* bytes read of one */
	EVIDENCE_PSTORE_TOTAL_MAX = 16 << 20, /* and of all */
	EVIDENCE_TRIED_MAX = 32, /* names of targets taken from a manifest */
	EVIDENCE_TRIED_LEN =
		64, /* to which a manifest cuts them (collector/course.h), zero included */
};

/* How much there is, from best to worst. */
enum capture_status {
	CAPTURE_COMPLETE,
	CAPTURE_INCOMPLETE,
	CAPTURE_SMALL, /* no dump was wanted: crash_loop said so */
	CAPTURE_FILES, /* some small files, no dump */
	CAPTURE_NOTHING,
};

/* One crash directory or raw device. */
struct capture {
	enum capture_status status;
	char status_text[32]; /* as it stands in the manifest, or by its files */
	char path[RECEIPT_LINE_MAX];
	char evidence[RECEIPT_EVIDENCE_LEN];
	char taken_from[RECEIPT_EVIDENCE_LEN]; /* its evidence before `lifeboat savecore`; "" */
	uint64_t crash_time; /* seconds since 1970 */
	char boot_id[ARMED_BOOT_ID_MAX];
	char release[FACTS_WORD_MAX];
	char panic[RECEIPT_LINE_MAX], signature[20];
	char stage[64], reason[RECEIPT_LINE_MAX];
	bool nomem; /* one of its attempts had not enough memory */
	size_t ntried; /* the targets of its attempts */
	char tried[EVIDENCE_TRIED_MAX][EVIDENCE_TRIED_LEN];
	char elsewhere
		[RECEIPT_LINE_MAX]; /* another target has a whole one, says its manifest; "" */
};

struct captures {
	size_t n;
	struct capture rows[EVIDENCE_CAPTURES_MAX];
};

/* One log of pstore, or what several of one crash say together. */
struct pstore_log {
	bool panic; /* a kernel panicked and wrote its log */
	bool record; /* the capture kernel came up and wrote its panic record */
	uint64_t crash_time; /* that the record says; 0 */
	char panic_line[RECEIPT_LINE_MAX];
	char nomem[RECEIPT_LINE_MAX]; /* what it had no room for; "" */
	char governed[RECEIPT_LINE_MAX]; /* why crash_loop or kdump_pre wanted nothing saved; "" */
	char told[RECEIPT_LINE_MAX]; /* "complete on ssh kdump@vault in DIR": its last word; "" */
	size_t first, n; /* its files, of those below; at most RECEIPT_EVIDENCE_MAX */
};

/* What pstore has that was not told yet, a log at a time, in the order in which they were stored. */
struct pstore_found {
	size_t n;
	struct pstore_log logs[EVIDENCE_PSTORE_MAX];
	char evidence[EVIDENCE_PSTORE_MAX][RECEIPT_EVIDENCE_LEN];
};

/*
 * Adds the crashes that @place has and @told does not know; of a place that other machines use
 * as well only those of a machine called @nodename.
 */
void evidence_add_captures(struct captures *c, const struct place *place,
			   const struct receipts *told, const char *nodename);

/* What a manifest (docs/manifest.md) says of a crash, into a zeroed @c. */
void evidence_read_manifest(struct capture *c, struct json_object *o);

/* Reads a crash directory that is open at @at and called @name; @nodename: of its machine. */
void evidence_read_dir(struct capture *c, int at, const char *name, char nodename[static 65]);

void evidence_read_pstore(struct pstore_found *p, const char *root, const struct receipts *told);

/* Takes in one log of pstore: its parts' files in order, those of the highest number first. */
void evidence_read_pstore_text(struct pstore_log *p, const char *text);

/* A watchdog says that it was the one that reset the machine. */
bool evidence_watchdog_reset(const char *root);

#endif
