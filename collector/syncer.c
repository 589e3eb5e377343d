// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/syncer.h"

#include <sys/eventfd.h>
#include <unistd.h>

static int sync_and_note(struct depot *d, int fd, const struct depot_record *rec, struct err *err)
{
	if (fsync(fd))
		return err_sys(err, "%s/%s: fsync", d->name, rec->file);
	return depot_note_record(d, rec, err);
}

static void *work(void *arg)
{
	struct syncer *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		uint64_t one = 1;

		while (!s->busy && !s->end)
			pthread_cond_wait(&s->changed, &s->lock);
		if (!s->busy)
			break;
		pthread_mutex_unlock(&s->lock);
		s->rc = sync_and_note(s->depot, s->fd, &s->rec, &s->err);
		pthread_mutex_lock(&s->lock);
		s->busy = false;
		s->done = true;
		pthread_cond_broadcast(&s->changed);
		// It is a counter that has room for 2^64 of them.
		if (write(s->ready, &one, sizeof(one)) < 0)
			continue;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void syncer_begin(struct syncer *s, struct depot *depot)
{
	*s = (struct syncer){
		.depot = depot,
		.ready = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
}

void syncer_end(struct syncer *s)
{
	if (s->ready < 0)
		return;
	pthread_mutex_lock(&s->lock);
	s->end = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	close(s->ready);
	s->ready = -1;
}

static bool start_thread(struct syncer *s)
{
	if (s->ready >= 0)
		return true;
	s->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->ready >= 0 && !pthread_create(&s->thread, NULL, work, s))
		return true;
	if (s->ready >= 0)
		close(s->ready);
	s->ready = -1;
	return false;
}

static void hand_over(struct syncer *s, int fd, const struct depot_record *rec)
{
	pthread_mutex_lock(&s->lock);
	s->fd = fd;
	s->rec = *rec;
	s->busy = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* What the job did is known to the caller's record, too. */
static void believe(struct syncer *s, const struct depot_record *rec)
{
	s->depot->rec.seq = rec->seq;
	s->depot->rec.chain = rec->chain;
}

/*
 * What came out of a job that is done, if there is one that nobody has asked after yet. With @wait
 * one that is at work is waited for. *@busy: there still is one.
 */
static int collect(struct syncer *s, bool wait, bool *busy, struct err *err)
{
	uint64_t n;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (s->busy && wait)
		pthread_cond_wait(&s->changed, &s->lock);
	*busy = s->busy;
	if (s->done) {
		s->done = false;
		if (read(s->ready, &n, sizeof(n)) < 0)
			n = 0;
		rc = s->rc;
		if (!rc)
			believe(s, &s->rec);
		else if (err)
			*err = s->err;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int syncer_ask(struct syncer *s, int fd, const struct depot_record *rec, struct err *err)
{
	bool busy;
	int rc;

	if (!start_thread(s)) {
		rc = sync_and_note(s->depot, fd, rec, err);
		if (!rc)
			believe(s, rec);
		return rc;
	}
	rc = collect(s, false, &busy, err);
	s->waiting = busy;
	if (busy)
		s->next = *rec;
	else if (!rc)
		hand_over(s, fd, rec);
	return rc;
}

int syncer_settle(struct syncer *s, bool wait, struct err *err)
{
	bool busy;
	int rc;

	if (s->ready < 0)
		return 0;
	rc = collect(s, wait, &busy, err);
	if (!rc && s->waiting && !busy && !wait)
		hand_over(s, s->fd, &s->next);
	s->waiting = s->waiting && busy;
	return rc;
}
