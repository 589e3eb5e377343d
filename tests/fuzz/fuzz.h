/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz: what a fuzz target is. Each tests/fuzz/fuzz_NAME.c defines the first function, and may
 * define the second; its fixtures are in tests/fuzz/corpus/NAME (language: tests/lib/blob.h).
 * `scripts/fuzz NAME SECONDS` runs it under libFuzzer; linked with replay.c it is a plain
 * program that replays the corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Parses the bytes; aborts (FUZZ_CHECK) when the parser breaks its promise. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Optional: what the parser says of the bytes, 0 or a negative enum err_code. Where it is
 * defined, the replay demands 0 of good- files, ERR_UNSUPPORTED of unsupported- files and any
 * other failure of bad- files.
 */
int fuzz_verdict(const uint8_t *data, size_t size) __attribute__((weak));

/* An assertion that no build option can take away. */
#define FUZZ_CHECK(cond)         \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

#endif
