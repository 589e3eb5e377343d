/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * codec_priv: what the files of the codecs share: the rows of the table, and the checks that
 * all of them make.
 */
#ifndef VMCORE_CODEC_PRIV_H
#define VMCORE_CODEC_PRIV_H

#include "vmcore/codec.h"

enum {
	CODEC_PAGE_MAX = 1 << 20, /* no architecture has larger pages; a bound for contexts */
};

extern const struct codec codec_none;
extern const struct codec codec_zlib;
extern const struct codec codec_lzo;
extern const struct codec codec_zstd;
extern const struct codec codec_snappy;

/* ERR_USAGE for a level out of the row's range, ERR_LIMIT for a page size out of bounds. */
int codec_check(const struct codec *codec, int level, size_t page_size, struct err *err);

#endif
