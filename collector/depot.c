// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/depot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"

#define JOURNAL_PREFIX ".receive-"
#define ROOT_LOCK      ".receive.lock"
#define TEMP_SUFFIX    "-incomplete"

enum {
	LOCK_WAIT_MS = 5000, // for an older process of the same client to end
	ROOT_WAIT_MS = 10000, // of who comes in, for others who come in or make room
	LOCK_POLL_MS = 50,
	LOCK_TRIES = 10, // for a journal that somebody sweeps away meanwhile
	AWAITED_SECONDS = 600,
	SWEEP_MAX = 100000, // names looked at
};

/* A record in the journal. The slots lie in different blocks: one torn write spoils one. */
enum {
	SLOTS = 2,
	SLOT_STEP = 4096,
	SLOT_MAGIC = 0x4a52424c, // "LBRJ"
	S_MAGIC = 0,
	S_FLAGS = 4,
	S_GENERATION = 8,
	S_SEQ = 16,
	S_CHAIN = 24,
	S_ID = 32,
	S_STREAMED = 48,
	S_NAME_LEN = 56,
	S_NAME = 60,
	S_REFUSED = 264,
	S_BAD = 272,
	S_CODE = 280,
	S_DIGEST = 504,
	SLOT_SIZE = 512,
};

_Static_assert(S_NAME + WIRE_NAME_MAX <= S_REFUSED, "a record has room for a name");

enum {
	FLAG_OPEN = 1,
	FLAG_FAILED = 2,
	FLAG_COMMITTING = 4,
	FLAG_REPLACE = 8,
	FLAG_DONE = 16,
};

/* NAME with something before or behind it: one component all the same. */
struct part {
	char text[WIRE_NAME_MAX + 16];
};

static struct part journal_name(const char *name)
{
	struct part p;

	snprintf(p.text, sizeof(p.text), JOURNAL_PREFIX "%.*s", WIRE_NAME_MAX, name);
	return p;
}

static struct part temp_name(const char *name)
{
	struct part p;

	snprintf(p.text, sizeof(p.text), "%.*s" TEMP_SUFFIX, WIRE_NAME_MAX, name);
	return p;
}

/*
 * Opens a name in @at and nowhere else. openat2(2) is there since Linux 5.6; where it is not, or
 * is forbidden, a single component that is no link leads nowhere else either.
 */
static int open_beneath(int at, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC | O_NOFOLLOW,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	if (strchr(name, '/') || !strcmp(name, "..")) {
		errno = EXDEV;
		return -1;
	}
	fd = syscall(SYS_openat2, at, name, &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(at, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
	return fd;
}

static bool is_there(int at, const char *name)
{
	struct stat st;

	return !fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW);
}

int depot_open(struct depot *d, const char *root, struct err *err)
{
	*d = (struct depot){.root = -1, .lock = -1, .dir = -1, .journal = -1};
	d->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->root < 0)
		return err_sys(err, "the root %s", root);
	// No journal has that name: a prefix of theirs it has not.
	d->lock = open_beneath(d->root, ROOT_LOCK, O_RDWR | O_CREAT, 0600);
	if (d->lock < 0) {
		int rc = err_sys(err, "%s/" ROOT_LOCK, root);

		depot_close(d);
		return rc;
	}
	return 0;
}

void depot_close(struct depot *d)
{
	if (d->dir >= 0)
		close(d->dir);
	if (d->journal >= 0)
		close(d->journal);
	if (d->lock >= 0)
		close(d->lock);
	if (d->root >= 0)
		close(d->root);
	d->root = d->lock = d->dir = d->journal = -1;
}

/* ---- the journal ---- */

static void put_record(const struct depot_record *r, uint64_t generation, uint8_t *slot)
{
	size_t len = strlen(r->file);

	memset(slot, 0, SLOT_SIZE);
	store_le32(slot + S_MAGIC, SLOT_MAGIC);
	store_le32(slot + S_FLAGS, (r->open ? FLAG_OPEN : 0) | (r->failed ? FLAG_FAILED : 0) |
					   (r->committing ? FLAG_COMMITTING : 0) |
					   (r->replace ? FLAG_REPLACE : 0) |
					   (r->done ? FLAG_DONE : 0));
	store_le64(slot + S_GENERATION, generation);
	store_le64(slot + S_SEQ, r->seq);
	store_le64(slot + S_CHAIN, r->chain);
	store_le64(slot + S_STREAMED, r->streamed);
	store_le64(slot + S_REFUSED, r->refusal.seq);
	store_le64(slot + S_BAD, r->refusal.bad);
	store_le32(slot + S_CODE, r->refusal.code);
	memcpy(slot + S_ID, r->id, WIRE_ID);
	store_le32(slot + S_NAME_LEN, len);
	memcpy(slot + S_NAME, r->file, len);
	store_le64(slot + S_DIGEST, XXH64(slot, S_DIGEST, 0));
}

static bool get_record(const uint8_t *slot, struct depot_record *r, uint64_t *generation)
{
	uint32_t flags = load_le32(slot + S_FLAGS), len = load_le32(slot + S_NAME_LEN);

	if (load_le32(slot + S_MAGIC) != SLOT_MAGIC ||
	    load_le64(slot + S_DIGEST) != XXH64(slot, S_DIGEST, 0) || len > WIRE_NAME_MAX)
		return false;
	*r = (struct depot_record){
		.seq = load_le64(slot + S_SEQ),
		.chain = load_le64(slot + S_CHAIN),
		.streamed = load_le64(slot + S_STREAMED),
		.refusal = {.seq = load_le64(slot + S_REFUSED),
			    .bad = load_le64(slot + S_BAD),
			    .code = load_le32(slot + S_CODE)},
		.open = flags & FLAG_OPEN,
		.failed = flags & FLAG_FAILED,
		.committing = flags & FLAG_COMMITTING,
		.replace = flags & FLAG_REPLACE,
		.done = flags & FLAG_DONE,
	};
	memcpy(r->id, slot + S_ID, WIRE_ID);
	// No name that a client could not have given, whoever wrote the journal.
	if (len && wire_get_name(slot + S_NAME, len, r->file, NULL))
		return false;
	*generation = load_le64(slot + S_GENERATION);
	return len || !r->open;
}

/* The newer one of the slots; false when no slot has a record. */
static bool read_journal(int fd, struct depot_record *ret, uint64_t *generation)
{
	bool found = false;

	for (int i = 0; i < SLOTS; i++) {
		uint8_t slot[SLOT_SIZE];
		struct depot_record r;
		uint64_t g;

		if (io_pread(fd, slot, sizeof(slot), (uint64_t)i * SLOT_STEP, NULL) != SLOT_SIZE)
			continue;
		if (!get_record(slot, &r, &g) || (found && g <= *generation))
			continue;
		found = true;
		*ret = r;
		*generation = g;
	}
	return found;
}

int depot_note_record(struct depot *d, const struct depot_record *rec, struct err *err)
{
	uint64_t next = d->generation + 1;
	uint8_t slot[SLOT_SIZE];
	int rc;

	put_record(rec, next, slot);
	rc = io_pwrite(d->journal, slot, sizeof(slot), next % SLOTS * SLOT_STEP, err);
	if (!rc && fdatasync(d->journal))
		rc = err_sys(err, "fdatasync");
	if (rc)
		err_prepend(err, "journal of %s", d->name);
	else
		d->generation = next;
	return rc;
}

int depot_note(struct depot *d, struct err *err)
{
	return depot_note_record(d, &d->rec, err);
}

/* ---- one client at a time ---- */

static struct flock whole_file(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static bool try_lock(int fd)
{
	struct flock lock = whole_file(F_WRLCK);

	return !fcntl(fd, F_SETLK, &lock);
}

/* The process that holds the lock, or 0. The kernel says so: it is no number from a file. */
static pid_t holder(int fd)
{
	struct flock lock = whole_file(F_WRLCK);

	if (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

int depot_lock(const struct depot *d, unsigned int wait_ms, struct err *err)
{
	for (unsigned int waited = 0; !try_lock(d->lock); waited += LOCK_POLL_MS) {
		if (waited >= wait_ms)
			return err_set(err, ERR_STOPPED, "others do not let go of the root");
		usleep(LOCK_POLL_MS * 1000);
	}
	return 0;
}

void depot_unlock(const struct depot *d)
{
	struct flock lock = whole_file(F_UNLCK);

	fcntl(d->lock, F_SETLK, &lock);
}

/*
 * A connection that broke on the client's side only may have a server that still waits for the
 * next byte. Its client is back: it ends, and whatever it was doing is found out from the journal.
 */
static int take_over(int fd, const uint8_t *id, struct err *err)
{
	struct depot_record r;
	uint64_t generation;

	if (!read_journal(fd, &r, &generation) || memcmp(r.id, id, WIRE_ID) != 0)
		return err_set(err, ERR_STOPPED, "another client is writing there");
	for (int waited = 0; waited < LOCK_WAIT_MS; waited += LOCK_POLL_MS) {
		pid_t pid = holder(fd);

		if (pid > 0 && pid != getpid())
			kill(pid, SIGTERM);
		if (try_lock(fd))
			return 0;
		usleep(LOCK_POLL_MS * 1000);
	}
	return err_set(err, ERR_STOPPED, "this client's older connection does not end");
}

/* Opens and locks the journal, made if it is not there. */
static int lock_journal(struct depot *d, const uint8_t *id, struct err *err)
{
	struct part name = journal_name(d->name);

	for (int i = 0; i < LOCK_TRIES; i++) {
		struct stat st;
		int rc = 0;

		d->journal = open_beneath(d->root, name.text, O_RDWR | O_CREAT, 0600);
		if (d->journal < 0)
			return err_sys(err, "journal of %s", d->name);
		if (!try_lock(d->journal))
			rc = take_over(d->journal, id, err);
		if (rc) {
			err_prepend(err, "%s", d->name);
			return rc;
		}
		// Swept away between the two: the lock is on a file without a name.
		if (!fstat(d->journal, &st) && st.st_nlink == 1 && S_ISREG(st.st_mode))
			return 0;
		close(d->journal);
		d->journal = -1;
	}
	return err_set(err, ERR_STOPPED, "%s: its journal cannot be locked", d->name);
}

/* Without a goodbye, and not for long: the client's connection broke, and it may come back. */
static bool is_awaited(int fd)
{
	struct depot_record r;
	uint64_t generation;
	struct stat st;

	return read_journal(fd, &r, &generation) && !r.done && !fstat(fd, &st) &&
	       time(NULL) - st.st_mtime < AWAITED_SECONDS;
}

bool depot_is_busy(const struct depot *d, const char *name)
{
	struct part journal;
	CLEANUP_CLOSE int fd = -1;

	// To close another descriptor of it would give up the lock.
	if (!strcmp(name, d->name))
		return d->journal >= 0;
	if (strlen(name) > WIRE_NAME_MAX)
		return false;
	journal = journal_name(name);
	fd = open_beneath(d->root, journal.text, O_RDWR, 0);
	return fd >= 0 && (holder(fd) != 0 || is_awaited(fd));
}

void depot_forget(const struct depot *d, const char *name)
{
	struct part entry = journal_name(name);
	CLEANUP_CLOSE int fd = -1;

	// To close another descriptor of our own journal would give up its lock.
	if (!strcmp(name, d->name) || strlen(name) > WIRE_NAME_MAX || is_there(d->root, name))
		return;
	fd = open_beneath(d->root, entry.text, O_RDWR, 0);
	if (fd >= 0 && try_lock(fd) && !is_there(d->root, name))
		unlinkat(d->root, entry.text, 0);
}

void depot_sweep(const struct depot *d)
{
	int fd = openat(d->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (int i = 0; i < SWEEP_MAX && (e = readdir(dir)); i++)
		if (!strncmp(e->d_name, JOURNAL_PREFIX, strlen(JOURNAL_PREFIX)))
			depot_forget(d, e->d_name + strlen(JOURNAL_PREFIX));
	closedir(dir);
}

/* ---- the crash directory ---- */

static int sync_dir(int fd, const char *what, struct err *err)
{
	return fsync(fd) ? err_sys(err, "%s: fsync", what) : 0;
}

/* Whose it is stands in the journal before there is a directory. */
static int make_dir(struct depot *d, const uint8_t *id, struct err *err)
{
	int rc;

	d->rec = (struct depot_record){0};
	memcpy(d->rec.id, id, WIRE_ID);
	rc = depot_note(d, err);
	if (!rc)
		rc = depot_note(d, err); // the other slot has its room, too
	if (rc)
		return rc;
	if (mkdirat(d->root, d->name, 0700))
		return err_sys(err, "%s", d->name);
	return sync_dir(d->root, "the root", err);
}

static int open_dir(struct depot *d, struct err *err)
{
	d->dir = open_beneath(d->root, d->name, O_RDONLY | O_DIRECTORY, 0);
	return d->dir < 0 ? err_sys(err, "%s", d->name) : 0;
}

static int rename_file(struct depot *d, struct err *err)
{
	struct part temp = temp_name(d->rec.file);
	unsigned int flags = d->rec.replace ? 0 : RENAME_NOREPLACE;
	int rc = renameat2(d->dir, temp.text, d->dir, d->rec.file, flags);

	if (rc && errno == EINVAL && flags && !is_there(d->dir, d->rec.file))
		rc = renameat(d->dir, temp.text, d->dir, d->rec.file);
	if (rc)
		return err_sys(err, "%s: rename to %s", temp.text, d->rec.file);
	if (fsync(d->dir)) {
		rc = err_sys(err, "%s: fsync", d->name);
		// Who fails must not leave behind what looks whole.
		renameat(d->dir, d->rec.file, d->dir, temp.text);
		return rc;
	}
	return 0;
}

int depot_close_file(struct depot *d, uint64_t chain, struct err *err)
{
	d->rec.seq++;
	d->rec.chain = chain;
	d->rec.open = d->rec.committing = d->rec.failed = false;
	return depot_note(d, err);
}

int depot_commit(struct depot *d, uint64_t chain, struct err *err)
{
	int rc;

	d->rec.committing = true;
	rc = depot_note(d, err);
	if (!rc)
		rc = rename_file(d, err);
	if (!rc)
		return depot_close_file(d, chain, err);
	d->rec.committing = false;
	depot_note(d, NULL);
	return rc;
}

/*
 * The journal says that the file is whole. If it has its name, all is done but to say so; the
 * client asks for it once more, and a chain of a frame that it sends again would not fit: so only
 * the rename is done here, and the frame stays the next one.
 */
static int finish_commit(struct depot *d, struct err *err)
{
	struct part temp = temp_name(d->rec.file);

	if (!d->rec.committing || !is_there(d->dir, temp.text))
		return 0;
	return rename_file(d, err);
}

/* There is a directory of that name: is it ours to go on with? */
static int enter_old(struct depot *d, bool known, const uint8_t *id, bool resume, struct err *err)
{
	int rc;

	if (!known || memcmp(d->rec.id, id, WIRE_ID) != 0)
		return err_set(err, ERR_USAGE, "%s is there already, and is not this client's",
			       d->name);
	rc = open_dir(d, err);
	if (!rc)
		rc = finish_commit(d, err);
	if (rc || resume)
		return rc;
	// The same client from the beginning: what was not whole stays behind under its own name.
	d->rec = (struct depot_record){0};
	memcpy(d->rec.id, id, WIRE_ID);
	return depot_note(d, err);
}

static int make_and_open(struct depot *d, const uint8_t *id, struct err *err)
{
	int rc = make_dir(d, id, err);

	return rc ? rc : open_dir(d, err);
}

int depot_enter(struct depot *d, const char *name, const uint8_t id[static WIRE_ID], bool resume,
		struct err *err)
{
	bool known;
	int rc;

	snprintf(d->name, sizeof(d->name), "%s", name);
	rc = lock_journal(d, id, err);
	if (rc)
		return rc;
	// Whoever found the directory idle before that may still be about to remove it.
	rc = depot_lock(d, ROOT_WAIT_MS, err);
	if (rc)
		return rc;
	known = read_journal(d->journal, &d->rec, &d->generation);
	if (is_there(d->root, name))
		rc = enter_old(d, known, id, resume, err);
	else if (resume)
		rc = err_set(err, ERR_NOTFOUND, "%s is not there: nothing to go on with", name);
	else
		rc = make_and_open(d, id, err);
	depot_unlock(d);
	// A journal that says nothing of a directory that is not ours is no use.
	if (rc && !known && d->dir < 0)
		unlinkat(d->root, journal_name(name).text, 0);
	return rc;
}

/* ---- files ---- */

int depot_create(struct depot *d, int *fd_ret, struct err *err)
{
	struct part temp = temp_name(d->rec.file);
	int fd;

	if (!d->rec.replace && is_there(d->dir, d->rec.file))
		return err_set(err, ERR_USAGE, "%s/%s is there already", d->name, d->rec.file);
	if (unlinkat(d->dir, temp.text, 0) && errno != ENOENT)
		return err_sys(err, "%s/%s", d->name, temp.text);
	fd = open_beneath(d->dir, temp.text, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return err_sys(err, "%s/%s", d->name, temp.text);
	if (fsync(d->dir)) {
		int rc = err_sys(err, "%s: fsync", d->name);

		close(fd);
		return rc;
	}
	*fd_ret = fd;
	return 0;
}

int depot_reopen(struct depot *d, int *fd_ret, struct err *err)
{
	struct part temp = temp_name(d->rec.file);
	struct stat st;
	int fd = open_beneath(d->dir, temp.text, O_RDWR, 0);

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOTFOUND, "%s/%s is gone", d->name, temp.text);
	if (fd < 0)
		return err_sys(err, "%s/%s", d->name, temp.text);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, ERR_USAGE, "%s/%s is no file", d->name, temp.text);
	}
	*fd_ret = fd;
	return 0;
}

void depot_remove(struct depot *d, const char *file, bool whole)
{
	struct part temp = temp_name(file);

	unlinkat(d->dir, temp.text, 0);
	if (whole)
		unlinkat(d->dir, file, 0);
}
