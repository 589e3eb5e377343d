// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

enum {
	// A file system's block and sector sizes are at most that here, and so are pages; it
	// divides all sizes of buffers.
	ALIGN_MIN = 4096,
	ALIGN_MAX = 64 << 10,
	STACK_SIZE = 256 << 10, // of a thread that does nothing but write
	// What goes past the page cache makes the index behind it worth bringing to the disk.
	DIRECT_WEIGHT = 8,
};

enum state {
	BUFFER_FREE,
	BUFFER_FILLING, // the caller's
	BUFFER_QUEUED,
	BUFFER_BUSY, // a thread's
};

/* A stretch of the file on its way. */
struct buffer {
	enum state state;
	uint8_t *mem; // what belongs at offset base, a multiple of the alignment; owned
	uint64_t base;
	uint64_t start, end; // what of it there is to write
	uint64_t turn; // who was queued first is written first
};

struct disk {
	int fd;
	int direct_fd; // the same file with O_DIRECT, owned; or -1
	uint64_t align; // of what may go there
	size_t size; // of a buffer
	struct buffer buffers[DISK_BUFFERS];
	unsigned int nbuffers;
	struct buffer *now; // the one that is filled, or NULL
	unsigned int next; // the one that is filled next: they are used in turn
	bool regular; // a file: there is a file system to ask for room
	bool ahead; // the file system makes sure of room before a buffer is written
	bool single; // the target is nearly full: one write at a time
	pthread_t threads[DISK_BUFFERS];
	unsigned int nthreads;
	pthread_mutex_t lock; // of all below, and of the states of buffers
	pthread_cond_t have_work, have_free;
	bool stop;
	bool refused; // the target does not take O_DIRECT after all
	uint64_t turns;
	uint64_t cached; // bytes in the page cache that nobody took care of yet
	int rc; // the first failure of a stream
	struct err why;
	uint64_t bad; // the lowest offset of a stream that was not written
};

/* How many buffers of what size @budget has room for; one small one in any case. */
static void size_buffers(uint64_t budget, unsigned int *count, size_t *size)
{
	*size = DISK_BUFFER;
	*count = DISK_BUFFERS;
	if (!budget || budget >= (uint64_t)DISK_BUFFERS * DISK_BUFFER)
		return;
	*size = DISK_BUFFER_MIN;
	if (budget < (uint64_t)DISK_BUFFERS * DISK_BUFFER_MIN)
		*count = budget < DISK_BUFFER_MIN ? 1 : budget / DISK_BUFFER_MIN;
}

uint64_t disk_memory(uint64_t budget)
{
	unsigned int count;
	size_t size;

	size_buffers(budget, &count, &size);
	return count * (uint64_t)size;
}

int disk_create(int fd, struct disk **ret, struct err *err)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(err, ERR_NOMEM, "no memory to write a file");
	d->fd = fd;
	d->direct_fd = -1;
	d->bad = UINT64_MAX;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->have_work, NULL);
	pthread_cond_init(&d->have_free, NULL);
	*ret = d;
	return 0;
}

void disk_destroy(struct disk *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_broadcast(&d->have_work);
	pthread_mutex_unlock(&d->lock);
	for (unsigned int i = 0; i < d->nthreads; i++)
		pthread_join(d->threads[i], NULL);
	for (unsigned int i = 0; i < d->nbuffers; i++)
		free(d->buffers[i].mem);
	if (d->direct_fd >= 0)
		close(d->direct_fd);
	pthread_cond_destroy(&d->have_free);
	pthread_cond_destroy(&d->have_work);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* Called with the lock. */
static void note_failure(struct disk *d, int rc, const struct err *why, uint64_t good)
{
	if (!d->rc) {
		d->rc = rc;
		d->why = *why;
	}
	if (good < d->bad)
		d->bad = good;
}

/*
 * @size more bytes are in the page cache. Once in a while waits for those that were sent to the
 * disk the time before, which costs little by now, drops all that are clean, and sends the rest.
 */
static void write_behind(struct disk *d, size_t size)
{
	bool due;

	pthread_mutex_lock(&d->lock);
	d->cached += size;
	due = d->cached >= DISK_BEHIND;
	if (due)
		d->cached = 0;
	pthread_mutex_unlock(&d->lock);
	if (!due)
		return;
	// An error of write-back is told once: fsync() would not tell it again.
	if (sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) &&
	    (errno == EIO || errno == ENOSPC || errno == EDQUOT)) {
		struct err why = {0};
		int rc = err_sys(&why, "write-back");

		pthread_mutex_lock(&d->lock);
		note_failure(d, rc, &why, 0); // of which bytes is not known
		pthread_mutex_unlock(&d->lock);
	}
	posix_fadvise(d->fd, 0, 0, POSIX_FADV_DONTNEED);
	sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int disk_write(struct disk *d, const void *buf, size_t size, uint64_t offset, struct err *err)
{
	int rc = io_pwrite(d->fd, buf, size, offset, err);

	if (!rc)
		write_behind(d, size);
	return rc;
}

int disk_read(struct disk *d, void *buf, size_t size, uint64_t offset, struct err *err)
{
	ssize_t n = io_pread(d->fd, buf, size, offset, err);

	if (n < 0)
		return n;
	if ((size_t)n < size)
		return err_set(err, ERR_NODATA, "read back %zd of %zu bytes at offset %llu", n,
			       size, (unsigned long long)offset);
	// It is cached, too.
	write_behind(d, size);
	return 0;
}

/* One write past the page cache; 0 with *@done short of @size when it is not taken that way. */
static int write_direct(struct disk *d, const uint8_t *mem, size_t size, uint64_t offset,
			size_t *done, struct err *err)
{
	bool refused;

	pthread_mutex_lock(&d->lock);
	refused = d->refused;
	pthread_mutex_unlock(&d->lock);
	for (*done = 0; *done < size && !refused;) {
		ssize_t n = pwrite(d->direct_fd, mem + *done, size - *done, offset + *done);

		if (n > 0) {
			*done += n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EINVAL && errno != EOPNOTSUPP)
			return err_sys(err, "write of %zu bytes at offset %llu", size - *done,
				       (unsigned long long)(offset + *done));
		// What is left of a short write may just be misaligned.
		refused = true;
		pthread_mutex_lock(&d->lock);
		d->refused = d->refused || !*done;
		pthread_mutex_unlock(&d->lock);
	}
	return 0;
}

/* [@from, @to) of a buffer, through the page cache. */
static int write_cached(struct disk *d, const struct buffer *b, uint64_t from, uint64_t to,
			struct err *err)
{
	return from < to ? disk_write(d, b->mem + (from - b->base), to - from, from, err) : 0;
}

/* The ragged beginning, the whole pages, the ragged end; *@good is where the good part ends. */
static int write_buffer(struct disk *d, const struct buffer *b, uint64_t *good, struct err *err)
{
	uint64_t first = (b->start + d->align - 1) & ~(d->align - 1);
	uint64_t last = b->end & ~(d->align - 1);
	size_t done = 0;
	int rc = 0;

	*good = b->start;
	if (first >= last || last - first < DISK_DIRECT_MIN)
		return write_cached(d, b, b->start, b->end, err);
	rc = write_cached(d, b, b->start, first, err);
	if (rc)
		return rc;
	rc = write_direct(d, b->mem + (first - b->base), last - first, first, &done, err);
	*good = first + done;
	if (rc)
		return rc;
	write_behind(d, done / DIRECT_WEIGHT);
	return write_cached(d, b, first + done, b->end, err);
}

/* The buffer that waits longest. Called with the lock. */
static struct buffer *next_queued(struct disk *d)
{
	struct buffer *next = NULL;

	for (unsigned int i = 0; i < d->nbuffers; i++) {
		struct buffer *b = &d->buffers[i];

		if (b->state == BUFFER_QUEUED && (!next || b->turn < next->turn))
			next = b;
	}
	return next;
}

static void *write_thread(void *arg)
{
	struct disk *d = arg;

	pthread_mutex_lock(&d->lock);
	while (!d->stop) {
		struct buffer *b = next_queued(d);
		struct err why = {0};
		uint64_t good;
		int rc;

		if (!b) {
			pthread_cond_wait(&d->have_work, &d->lock);
			continue;
		}
		// Behind a failure nothing is of use any more.
		rc = d->rc;
		good = b->start;
		if (!rc) {
			b->state = BUFFER_BUSY;
			pthread_mutex_unlock(&d->lock);
			rc = write_buffer(d, b, &good, &why);
			pthread_mutex_lock(&d->lock);
		}
		if (rc)
			note_failure(d, rc, &why, good);
		b->state = BUFFER_FREE;
		pthread_cond_broadcast(&d->have_free);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What the target asks of offsets, sizes and memory; 0: it takes no O_DIRECT, or too large. */
static uint64_t find_align(int fd)
{
	uint64_t align = larger(ALIGN_MIN, sysconf(_SC_PAGESIZE));
	struct statx st;
	int sector;

	if (!ioctl(fd, BLKSSZGET, &sector) && sector > 0)
		align = larger(align, sector);
	// Told since Linux 6.1, by some file systems (statx(2)).
	if (!statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) && st.stx_mask & STATX_DIOALIGN) {
		if (!st.stx_dio_offset_align)
			return 0;
		align = larger(align, st.stx_dio_offset_align);
		align = larger(align, st.stx_dio_mem_align);
	}
	return align <= ALIGN_MAX && !(align & (align - 1)) ? align : 0;
}

/*
 * A file in a file system that is nothing but memory. Some kernels take O_DIRECT there (tmpfs
 * since 6.6) and copy all the same: buffers and threads would only add a copy of their own.
 * (Nodes of devices lie in such a file system, too.)
 */
static bool in_memory(const struct disk *d)
{
	struct statfs fs;

	return d->regular && !fstatfs(d->fd, &fs) &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* Another descriptor of the same file, or -1. */
static int open_direct(const char *path, int fd)
{
	int direct = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	struct stat a, b;

	if (direct < 0)
		return -1;
	if (fstat(fd, &a) || fstat(direct, &b) || a.st_dev != b.st_dev || a.st_ino != b.st_ino) {
		close(direct);
		return -1;
	}
	return direct;
}

static void start_threads(struct disk *d)
{
	unsigned int wanted = d->nbuffers > 1 ? d->nbuffers - 1 : 1;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (d->nthreads < wanted &&
	       !pthread_create(&d->threads[d->nthreads], &attr, write_thread, d))
		d->nthreads++;
	pthread_attr_destroy(&attr);
}

void disk_buffer(struct disk *d, const char *path, uint64_t budget)
{
	struct stat st;
	unsigned int count;

	d->align = find_align(d->fd);
	d->regular = !fstat(d->fd, &st) && S_ISREG(st.st_mode);
	if (d->direct_fd >= 0 || !d->align || in_memory(d))
		return;
	d->direct_fd = open_direct(path, d->fd);
	if (d->direct_fd < 0)
		return;
	d->ahead = d->regular;
	size_buffers(budget, &count, &d->size);
	while (d->nbuffers < count &&
	       !posix_memalign((void **)&d->buffers[d->nbuffers].mem, d->align, d->size))
		d->nbuffers++;
	if (d->nbuffers)
		start_threads(d);
}

bool disk_is_direct(struct disk *d)
{
	bool refused;

	pthread_mutex_lock(&d->lock);
	refused = d->refused;
	pthread_mutex_unlock(&d->lock);
	return d->nthreads && !refused;
}

static int failure(struct disk *d, struct err *err)
{
	int rc;

	pthread_mutex_lock(&d->lock);
	rc = d->rc;
	if (rc && err)
		*err = d->why;
	pthread_mutex_unlock(&d->lock);
	return rc;
}

/* Until no thread has anything to do. */
static void wait_idle(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
	for (unsigned int i = 0; i < d->nbuffers; i++)
		while (d->buffers[i].state == BUFFER_QUEUED || d->buffers[i].state == BUFFER_BUSY)
			pthread_cond_wait(&d->have_free, &d->lock);
	pthread_mutex_unlock(&d->lock);
}

/*
 * Waits for the buffer that was sent first and begins it at @offset. Were any free one taken, a
 * write that takes long could be left behind by all the others, and if it fails then they were
 * for nothing.
 */
static void begin(struct disk *d, uint64_t offset)
{
	struct buffer *b = &d->buffers[d->next];

	d->next = (d->next + 1) % d->nbuffers;
	pthread_mutex_lock(&d->lock);
	while (b->state != BUFFER_FREE)
		pthread_cond_wait(&d->have_free, &d->lock);
	b->state = BUFFER_FILLING;
	pthread_mutex_unlock(&d->lock);
	b->base = offset & ~(d->align - 1);
	b->start = b->end = offset;
	d->now = b;
}

/*
 * Writes on their way must not take the last room from one that was sent before them: it is
 * taken in turn, before they are sent. Once it runs out, each waits for the one before. It also
 * lets a file system write several of them at a time, which it does not where the file grows.
 */
static void take_room(struct disk *d)
{
	const struct buffer *b = d->now;

	if (d->ahead && b->end - b->start >= DISK_DIRECT_MIN &&
	    fallocate(d->fd, 0, b->start, b->end - b->start)) {
		int sys = errno;

		d->ahead = false;
		d->single = sys == ENOSPC || sys == EDQUOT || sys == EFBIG;
	}
	if (d->single)
		wait_idle(d);
}

/* Hands the buffer that is filled to the threads. */
static void send(struct disk *d)
{
	if (!d->now)
		return;
	take_room(d);
	pthread_mutex_lock(&d->lock);
	d->now->state = BUFFER_QUEUED;
	d->now->turn = d->turns++;
	pthread_cond_signal(&d->have_work);
	pthread_mutex_unlock(&d->lock);
	d->now = NULL;
}

/*
 * A stretch of a stream at once. What fails is told later, as ever, but for how far it got:
 * that is found in small steps, for of a full target every page is worth having.
 */
static void write_at_once(struct disk *d, const uint8_t *from, size_t size, uint64_t offset)
{
	size_t done = 0, n;
	struct err why;
	int rc = disk_write(d, from, size, offset, &why);

	if (!rc)
		return;
	for (; done < size; done += n) {
		n = size - done < ALIGN_MIN ? size - done : ALIGN_MIN;
		if (disk_write(d, from + done, n, offset + done, NULL))
			break;
	}
	pthread_mutex_lock(&d->lock);
	note_failure(d, rc, &why, offset + done);
	pthread_mutex_unlock(&d->lock);
}

int disk_stream(struct disk *d, const void *buf, size_t size, uint64_t offset, struct err *err)
{
	const uint8_t *from = buf;
	int rc = failure(d, err);

	if (rc)
		return rc;
	if (!d->nthreads) {
		write_at_once(d, from, size, offset);
		return 0;
	}
	if (d->now && d->now->end != offset)
		send(d);
	while (size) {
		struct buffer *b;
		size_t n;

		if (!d->now)
			begin(d, offset);
		b = d->now;
		n = b->base + d->size - b->end;
		if (n > size)
			n = size;
		memcpy(b->mem + (b->end - b->base), from, n);
		b->end += n;
		from += n;
		offset += n;
		size -= n;
		if (b->end == b->base + d->size)
			send(d);
	}
	return 0;
}

uint64_t disk_written(struct disk *d)
{
	uint64_t low;

	pthread_mutex_lock(&d->lock);
	low = d->bad;
	for (unsigned int i = 0; i < d->nbuffers; i++) {
		const struct buffer *b = &d->buffers[i];

		if (b->state != BUFFER_FREE && b->start < low)
			low = b->start;
	}
	pthread_mutex_unlock(&d->lock);
	return low;
}

int disk_drain(struct disk *d, struct err *err)
{
	send(d);
	wait_idle(d);
	return failure(d, err);
}

void disk_forget(struct disk *d)
{
	if (d->now) {
		pthread_mutex_lock(&d->lock);
		d->now->state = BUFFER_FREE;
		pthread_mutex_unlock(&d->lock);
		d->now = NULL;
	}
	wait_idle(d);
	// What failed before is not the failure of what comes now.
	sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE);
	d->ahead = d->regular;
	d->single = false;
	pthread_mutex_lock(&d->lock);
	d->rc = 0;
	d->bad = UINT64_MAX;
	d->cached = 0;
	pthread_mutex_unlock(&d->lock);
}
