/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * predict: how many bytes the pages of a plan will take, from a sample of them that is really
 * packed.
 */
#ifndef COLLECTOR_PREDICT_H
#define COLLECTOR_PREDICT_H

#include <stdint.h>

struct codec;
struct err;
struct kmem;
struct plan;

struct predict {
	const struct kmem *km;
	const struct plan *plan;
	const struct codec *codec;
	int codec_level;
};

enum {
	PREDICT_PLACES = 512, /* evenly spread over the kept pages ... */
	PREDICT_RUN = 8, /* ... with so many pages each */
};

/* Fills *@size with the bytes of all kept pages, *@sampled with how many were looked at. */
int predict_pages(const struct predict *p, uint64_t *size, uint64_t *sampled, struct err *err);

#endif
