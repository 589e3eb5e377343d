/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict: from marks, crash directories and pstore to receipts. A decision only: nothing is read
 * or written here. What is not known is said to be not known.
 */
#ifndef LOADER_VERDICT_H
#define LOADER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/armed.h"
#include "loader/evidence.h"
#include "loader/places.h"
#include "loader/receipt.h"

enum {
	VERDICTS_MAX = EVIDENCE_CAPTURES_MAX + ARMED_MAX + 1,
};

struct verdict_facts {
	const struct armed *marks; /* of boots that did not end in order, oldest first */
	size_t nmarks;
	const struct captures *captures;
	const struct pstore_found *pstore;
	uint64_t now, boot_time; /* seconds since 1970; boot_time: of this boot, 0 unknown */
	bool watchdog_reset;
	/* Targets that cannot be seen from here, by the names of places: "ssh kdump@vault" */
	const char (*unseen)[PLACES_TEXT_MAX];
	size_t nunseen;
};

/* Fills @ret with one receipt a crash, oldest first; how many. */
size_t verdict_reach(const struct verdict_facts *f, struct receipt ret[static VERDICTS_MAX]);

#endif
