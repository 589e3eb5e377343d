// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/rearrange.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/sink.h"
#include "vmcore/flattened.h"

enum {
	BUFFER = 1 << 20,
};

static int read_all(int fd, void *buf, size_t size, const struct rearrange_result *res,
		    struct err *err)
{
	ssize_t n = io_read(fd, buf, size, err);

	if (n < 0)
		return n;
	if ((size_t)n < size)
		return err_set(err, ERR_NODATA, "the flattened dump ends in record %llu",
			       (unsigned long long)res->records);
	return 0;
}

static int read_header(int fd, uint8_t *buf, struct err *err)
{
	ssize_t n = io_read(fd, buf, FLATTENED_HEADER_SIZE, err);

	if (n < 0)
		return n;
	if (!flattened_probe(buf, n))
		return err_set(err, ERR_UNSUPPORTED, "this is not a flattened dump");
	return flattened_check_header(buf, n, err);
}

static int copy_record(int fd, struct sink *sink, const struct flattened_record *rec, uint8_t *buf,
		       struct rearrange_result *res, struct err *err)
{
	for (uint64_t done = 0; done < rec->size;) {
		size_t n = rec->size - done < BUFFER ? rec->size - done : BUFFER;
		uint64_t end = rec->offset + done + n;
		int rc = read_all(fd, buf, n, res, err);

		if (!rc)
			rc = sink_write_at(sink, buf, n, rec->offset + done, err);
		if (rc)
			return rc;
		if (end > res->size)
			res->size = end;
		done += n;
	}
	return 0;
}

int rearrange(int fd, struct sink *sink, struct rearrange_result *ret, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(BUFFER);
	uint64_t at = FLATTENED_HEADER_SIZE;
	int rc;

	*ret = (struct rearrange_result){0};
	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for %d bytes", BUFFER);
	rc = read_header(fd, buf, err);
	while (!rc) {
		struct flattened_record rec;
		uint8_t head[FLATTENED_RECORD_SIZE];

		rc = read_all(fd, head, sizeof(head), ret, err);
		if (!rc)
			rc = flattened_parse_record(head, at, &rec, err);
		if (rc < 0)
			break;
		if (!rc)
			return ret->size ? 0 : err_set(err, ERR_NODATA, "it has no content");
		at += sizeof(head) + rec.size;
		rc = copy_record(fd, sink, &rec, buf, ret, err);
		ret->records++;
	}
	return rc;
}
