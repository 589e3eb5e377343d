/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blob: binary fixtures written as text, so that a reader of the tree sees what is in them
 * and a diff shows what changed.
 *
 * The language. Items stand apart by white space; each adds bytes at the end of the blob:
 *
 *   7f 454c46        hexadecimal bytes, two digits each, in order
 *   "CORE\0"         the characters of a string; no zero is added. Escapes: \n \r \t \0 \\ \"
 *                    and \xHH. A string ends on the line on which it began.
 *   u8 N             an integer of that width and byte order. N is decimal or 0x..., and may
 *   le16 le32 le64 N be negative; it must fit, signed or unsigned.
 *   be16 be32 be64 N
 *   ( ... )          a group: one item made of several, up to BLOB_DEPTH_MAX deep
 *   *N               the item before, N times in all (0 takes it away): 00 *4096
 *   @N               zeroes up to offset N of the blob; an error when it is longer already
 *   %N               zeroes up to the next multiple of N
 *   # ...            a comment, to the end of the line
 *
 * `be16`, `be32` and `be64` are always the words of that name: write those bytes as `be 16`.
 *
 * For instance, a note whose descriptor is said to be larger than it is:
 *
 *   # bad: n_descsz reaches beyond the segment
 *   le32 5 le32 0xfffffff0 le32 1 "CORE\0" %4
 *   00 *336
 *
 * Fixtures are named good-WHAT.txt, bad-WHAT.txt or unsupported-WHAT.txt, and their first line
 * is a comment that says what is special in them. A name that ends in .raw is taken as it is:
 * for inputs that are text themselves.
 */
#ifndef TESTS_LIB_BLOB_H
#define TESTS_LIB_BLOB_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct err;

enum {
	BLOB_SIZE_MAX = 64 << 20, /* bytes of a blob, also while it is made */
	BLOB_TEXT_MAX = 16 << 20, /* bytes of its text */
	BLOB_DEPTH_MAX = 16, /* groups within groups */
};

/*
 * Compiles @size characters of text to a fresh buffer of exactly *@size_ret bytes, so that a
 * sanitizer sees a read of one byte more. ERR_CORRUPT with the line for a text that is not in
 * the language, ERR_LIMIT beyond the limits above. The caller frees *@ret.
 */
int blob_compile(const char *text, size_t size, uint8_t **ret, size_t *size_ret, struct err *err);

/* The bytes of the fixture at @path: as they are for .raw, else compiled. The caller frees. */
int blob_load(const char *path, uint8_t **ret, size_t *size_ret, struct err *err);

/* Writes bytes as text of the language, such that blob_compile() gives the same bytes back. */
void blob_dump(const uint8_t *data, size_t size, FILE *out);

#endif
