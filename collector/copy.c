// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/copy.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/pipeline.h"
#include "collector/sink.h"
#include "vmcore/vmcore.h"

struct shared {
	struct copy *copy;
	uint64_t size;
	pthread_mutex_t lock; // of all below, and of the sink
	uint64_t next; // byte that is read next
	int rc;
	struct err *err;
};

struct copier {
	struct shared *shared;
	pthread_t thread;
	uint8_t *buf; // COPY_CHUNK bytes, aligned
};

/* Writes what is not zero, in as few pieces as there are. Called with the lock. */
static int write_chunk(struct sink *sink, const uint8_t *buf, size_t size, uint64_t offset,
		       struct err *err)
{
	size_t from = 0;
	int rc = 0;

	for (size_t at = 0, n; at < size && !rc; at += n) {
		n = size - at < COPY_HOLE ? size - at : COPY_HOLE;
		if (n < COPY_HOLE || !page_is_zero(buf + at, n))
			continue;
		if (at > from)
			rc = sink_stream_at(sink, buf + from, at - from, offset + from, err);
		from = at + n;
	}
	if (size > from && !rc)
		rc = sink_stream_at(sink, buf + from, size - from, offset + from, err);
	return rc;
}

static bool take(struct shared *s, uint64_t *offset, size_t *size)
{
	bool more;

	pthread_mutex_lock(&s->lock);
	more = !s->rc && s->next < s->size;
	if (more) {
		*offset = s->next;
		*size = s->size - s->next < COPY_CHUNK ? s->size - s->next : COPY_CHUNK;
		s->next += *size;
	}
	pthread_mutex_unlock(&s->lock);
	return more;
}

static void *copy_thread(void *arg)
{
	struct copier *c = arg;
	struct shared *s = c->shared;
	struct err why = {0};
	uint64_t offset;
	size_t size;

	while (take(s, &offset, &size)) {
		int rc = vmcore_read_file(s->copy->vc, offset, c->buf, size, &why);

		pthread_mutex_lock(&s->lock);
		// What was read after another thread failed is not written any more.
		if (!rc && !s->rc) {
			rc = write_chunk(s->copy->sink, c->buf, size, offset, &why);
			if (!rc)
				s->copy->done += size;
		}
		if (!rc && s->copy->check)
			rc = s->copy->check(s->copy->ctx, &why);
		if (rc && !s->rc) {
			s->rc = rc;
			if (s->err)
				*s->err = why;
		}
		if (!s->rc && s->copy->tick)
			s->copy->tick(s->copy->ctx, s->copy->done);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* The calling thread is the first of them. */
static void run_threads(struct copier *c, unsigned int n)
{
	unsigned int started = 1;

	while (started < n && !pthread_create(&c[started].thread, NULL, copy_thread, &c[started]))
		started++;
	copy_thread(&c[0]);
	for (unsigned int i = 1; i < started; i++)
		pthread_join(c[i].thread, NULL);
}

int copy_run(struct copy *copy, struct err *err)
{
	struct shared s = {
		.copy = copy,
		.size = vmcore_info(copy->vc)->file_size,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.err = err,
	};
	unsigned int n = copy->workers ? copy->workers : 1, ready = 0;
	CLEANUP_FREE struct copier *c = calloc(n, sizeof(*c));
	int rc;

	copy->done = 0;
	if (!c)
		return err_set(err, ERR_NOMEM, "no memory for %u threads", n);
	rc = sink_resize(copy->sink, s.size, err);
	if (rc)
		return rc;
	for (; ready < n; ready++) {
		c[ready].shared = &s;
		if (posix_memalign((void **)&c[ready].buf, 64, COPY_CHUNK))
			break;
	}
	if (!ready)
		return err_set(err, ERR_NOMEM, "no memory for %d bytes", COPY_CHUNK);
	run_threads(c, ready);
	for (unsigned int i = 0; i < ready; i++)
		free(c[i].buf);
	// What is still on its way may fail, too.
	return s.rc ? s.rc : sink_drain(copy->sink, err);
}
