// SPDX-License-Identifier: GPL-2.0-or-later
/* Receipts and manifests, and records of pstore: what anyone may have left on a disk. */
#include <string.h>

#include "base/err.h"
#include "loader/evidence.h"
#include "loader/jsonread.h"
#include "tests/fuzz/fuzz.h"

/* What was understood reads back as the same. */
static void check_receipt(struct json_object *o)
{
	struct receipt *r = calloc(2, sizeof(*r));
	char *text = malloc(JSONREAD_SIZE_MAX);
	struct json_object *again = NULL;
	size_t n;

	FUZZ_CHECK(r && text);
	if (receipt_read(&r[0], o, NULL) == 0) {
		n = receipt_text(&r[0], text, JSONREAD_SIZE_MAX);
		FUZZ_CHECK(n > 0);
		FUZZ_CHECK(jsonread_parse("again", text, n, &again, NULL) == 0);
		FUZZ_CHECK(receipt_read(&r[1], again, NULL) == 0);
		FUZZ_CHECK(r[0].outcome == r[1].outcome && r[0].ndumps == r[1].ndumps &&
			   r[0].nevidence == r[1].nevidence && r[0].ntargets == r[1].ntargets);
		jsonread_free(again);
	}
	free(text);
	free(r);
}

static void check_pstore(const char *text)
{
	static struct pstore_log p;

	p = (struct pstore_log){.n = 0};
	evidence_read_pstore_text(&p, text);
	FUZZ_CHECK(strlen(p.panic_line) < sizeof(p.panic_line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *o = NULL;
	char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (jsonread_parse("fuzz", text, size, &o, NULL) == 0) {
		struct capture c = {.status = CAPTURE_NOTHING};

		check_receipt(o);
		evidence_read_manifest(&c, o);
		FUZZ_CHECK(c.status <= CAPTURE_NOTHING);
		jsonread_free(o);
	}
	check_pstore(text);
	free(text);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct receipt *r = calloc(1, sizeof(*r));
	struct json_object *o = NULL;
	int rc = jsonread_parse("fuzz", data ? (const char *)data : "", size, &o, NULL);

	FUZZ_CHECK(r);
	if (!rc)
		rc = receipt_read(r, o, NULL);
	jsonread_free(o);
	free(r);
	return rc;
}
