// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/evidence.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/jsonread.h"
#include "loader/places.h"
#include "loader/rawdump.h"
#include "vmcore/crashdir.h"

enum {
	ENTRIES_MAX = 1 << 16, /* names read in one directory */
	LOG_MAX = 32 << 10, /* of collect.log */
	RECORD_MAX = 4096, /* bytes of a panic record */
	ATTEMPTS_MAX = 256, /* of a manifest */
	CARDRESET = 0x0020, /* WDIOF_CARDRESET, linux/watchdog.h */
	/* Parts of a log; what has more is none. Its crash directories are evidence of a receipt, too. */
	PSTORE_PARTS_MAX = RECEIPT_EVIDENCE_MAX - RECEIPT_DUMPS_MAX,
	PSTORE_STORING = 60, /* seconds that storing one log takes at most */
};

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define CLEANUP_DIR __attribute__((cleanup(close_dir)))

static DIR *open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

/* The rest of the line behind @key, where it stands in @text; printable. */
static bool line_behind(const char *text, const char *key, char *buf, size_t size)
{
	const char *p = strstr(text, key);
	size_t n = 0;

	if (!p)
		return false;
	for (p += strlen(key); *p && *p != '\n' && n < size - 1; p++)
		buf[n++] = isprint((unsigned char)*p) ? *p : '?';
	buf[n] = '\0';
	return n > 0;
}

/* ---- crash directories ---- */

static bool has_file(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size > 0;
}

/*
 * By its files alone, where the manifest was not reached: each has its name only when it is on
 * the disk, and they are made in a known order.
 */
static void judge_files(struct capture *c, int at)
{
	static const struct {
		const char *file, *stage; /* the stage that came next */
	} steps[] = {{CRASHDIR_MINI, "pages"}, {CRASHDIR_DMESG, "mini"}, {CRASHDIR_PANIC, "dmesg"}};

	if (has_file(at, CRASHDIR_DUMP) || has_file(at, CRASHDIR_FLAT)) {
		c->status = CAPTURE_COMPLETE;
		snprintf(c->status_text, sizeof(c->status_text), "complete");
		return;
	}
	snprintf(c->reason, sizeof(c->reason), "the capture ended before it could say why");
	if (has_file(at, CRASHDIR_TEMP)) {
		c->status = CAPTURE_INCOMPLETE;
		snprintf(c->status_text, sizeof(c->status_text), "unfinished");
		snprintf(c->stage, sizeof(c->stage), "pages");
		return;
	}
	c->status = CAPTURE_NOTHING;
	snprintf(c->stage, sizeof(c->stage), "record");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!has_file(at, steps[i].file))
			continue;
		c->status = CAPTURE_FILES;
		snprintf(c->stage, sizeof(c->stage), "%s", steps[i].stage);
		break;
	}
	snprintf(c->status_text, sizeof(c->status_text), "unfinished");
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * What the capture tried, on all targets: one of them may have the dump and not be seen from here.
 * The stage is that in which the last one that failed was.
 */
static void judge_attempts(struct capture *c, struct json_object *o)
{
	size_t n = jsonread_count(o, "attempts");

	for (size_t i = 0; i < n && i < ATTEMPTS_MAX; i++) {
		struct json_object *a = jsonread_object_at(o, "attempts", i);
		char status[32], target[128], dir[160], outcome[32];

		jsonread_string(a, "outcome", outcome, sizeof(outcome));
		c->nomem = c->nomem || strcmp(outcome, "out-of-memory") == 0;
		jsonread_string(a, "target", target, sizeof(target));
		if (c->ntried < EVIDENCE_TRIED_MAX)
			snprintf(c->tried[c->ntried++], EVIDENCE_TRIED_LEN, "%.63s", target);
		jsonread_string(a, "status", status, sizeof(status));
		if (strcmp(status, "complete") != 0) {
			jsonread_string(a, "stage", c->stage, sizeof(c->stage));
			continue;
		}
		jsonread_string(a, "directory", dir, sizeof(dir));
		snprintf(c->elsewhere, sizeof(c->elsewhere), "%s%s%s", target, dir[0] ? ": " : "",
			 dir);
	}
	// Here it is whole: then that is where it is.
	if (c->status == CAPTURE_COMPLETE)
		c->elsewhere[0] = '\0';
	if (c->elsewhere[0] || c->status == CAPTURE_COMPLETE)
		c->stage[0] = '\0';
}

void evidence_read_manifest(struct capture *c, struct json_object *o)
{
	uint64_t t;

	jsonread_string(o, "status", c->status_text, sizeof(c->status_text));
	jsonread_string(o, "reason", c->reason, sizeof(c->reason));
	jsonread_string(o, "crash.boot_id", c->boot_id, sizeof(c->boot_id));
	jsonread_string(o, "crash.release", c->release, sizeof(c->release));
	jsonread_string(o, "crash.panic", c->panic, sizeof(c->panic));
	jsonread_string(o, "crash.signature", c->signature, sizeof(c->signature));
	jsonread_string(o, "dump.taken_from", c->taken_from, sizeof(c->taken_from));
	if (jsonread_u64(o, "crash.time", &t) && t)
		c->crash_time = t;
	if (strcmp(c->status_text, "complete") == 0)
		c->status = CAPTURE_COMPLETE;
	else if (strcmp(c->status_text, "incomplete") == 0)
		c->status = CAPTURE_INCOMPLETE;
	else if (strcmp(c->status_text, "failed") == 0)
		c->status = CAPTURE_NOTHING;
	else if (starts_with(c->reason, EVIDENCE_GOVERNED))
		c->status = CAPTURE_SMALL;
	else
		c->status = CAPTURE_FILES;
	judge_attempts(c, o);
}

/* What a manifest promises must be there: somebody may have moved it since. */
static void check_promise(struct capture *c, int at)
{
	if (c->status == CAPTURE_COMPLETE && !has_file(at, CRASHDIR_DUMP) &&
	    !has_file(at, CRASHDIR_FLAT))
		snprintf(c->reason, sizeof(c->reason),
			 "it was complete; the dump is not there any more");
}

/* The beginning of a small text file, zero-terminated; "" where there is none. */
static void read_text(int at, const char *name, char *text, size_t size)
{
	CLEANUP_CLOSE int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = io_read(fd, text, size - 1, NULL);
	text[n > 0 ? n : 0] = '\0';
}

/* What the manifest does not say, or is not there to say: the panic record's lines. */
static void take_record(struct capture *c, int at)
{
	char text[RECORD_MAX + 1];

	read_text(at, CRASHDIR_PANIC, text, sizeof(text));
	if (!c->signature[0])
		line_behind(text, "\nsignature: ", c->signature, sizeof(c->signature));
	if (!c->panic[0])
		line_behind(text, "\npanic: ", c->panic, sizeof(c->panic));
	if (!c->release[0])
		line_behind(text, "\nrelease: ", c->release, sizeof(c->release));
}

/* No failure, and yet no dump: the log says that none was wanted. */
static void take_log(struct capture *c, int at)
{
	char text[LOG_MAX + 1], why[RECEIPT_LINE_MAX];

	if (c->status != CAPTURE_FILES || c->reason[0])
		return;
	read_text(at, CRASHDIR_LOG, text, sizeof(text));
	if (!line_behind(text, EVIDENCE_GOVERNED, why, sizeof(why)))
		return;
	c->status = CAPTURE_SMALL;
	snprintf(c->reason, sizeof(c->reason), EVIDENCE_GOVERNED "%.400s", why);
}

void evidence_read_dir(struct capture *c, int at, const char *name, char nodename[static 65])
{
	struct json_object *o = NULL;
	struct crashdir parts;
	struct err why = {0};
	int rc;

	nodename[0] = '\0';
	*c = (struct capture){.status = CAPTURE_NOTHING};
	if (crashdir_parse(name, &parts))
		c->crash_time = parts.time;
	snprintf(c->evidence, sizeof(c->evidence), "dump:%.200s", name);
	rc = jsonread_file(at, CRASHDIR_MANIFEST, &o, &why);
	if (rc) {
		judge_files(c, at);
		take_record(c, at);
		if (rc != ERR_NOTFOUND)
			snprintf(c->reason, sizeof(c->reason), "%.300s", why.msg);
		return;
	}
	jsonread_string(o, "crash.nodename", nodename, 65);
	evidence_read_manifest(c, o);
	jsonread_free(o);
	take_record(c, at);
	take_log(c, at);
	check_promise(c, at);
}

static void add_dir(struct captures *cs, const struct place *place, int at, const char *name,
		    const char *nodename, const struct receipts *told)
{
	struct capture *c = &cs->rows[cs->n];
	CLEANUP_DIR DIR *d = open_dir(at, name);
	char theirs[65];

	if (!d)
		return;
	evidence_read_dir(c, dirfd(d), name, theirs);
	if (place->shared && strcmp(theirs, nodename) != 0)
		return;
	// It was told when it lay on a raw device.
	if (c->taken_from[0] && receipts_have(told, c->taken_from))
		return;
	snprintf(c->path, sizeof(c->path), "%.380s/%.120s", place->shown, name);
	cs->n++;
}

static void add_raw(struct captures *cs, const struct place *place, const struct receipts *told)
{
	struct capture *c = &cs->rows[cs->n];
	struct rawdump raw;

	if (rawdump_probe(place->device, &raw, NULL))
		return;
	*c = (struct capture){.crash_time = raw.crash_time};
	c->status = raw.incomplete ? CAPTURE_INCOMPLETE : CAPTURE_COMPLETE;
	snprintf(c->status_text, sizeof(c->status_text), "%s",
		 raw.incomplete ? "incomplete" : "complete");
	snprintf(c->release, sizeof(c->release), "%.64s", raw.release);
	snprintf(c->path, sizeof(c->path), "%.400s (lifeboat savecore)", place->device);
	rawdump_name(&raw, c->evidence);
	if (!receipts_have(told, c->evidence))
		cs->n++;
}

void evidence_add_captures(struct captures *c, const struct place *place,
			   const struct receipts *told, const char *nodename)
{
	CLEANUP_DIR DIR *d = NULL;
	struct dirent *e;

	if (place->device[0] && c->n < EVIDENCE_CAPTURES_MAX)
		add_raw(c, place, told);
	// The user's own path may well be a link.
	if (place->dir[0])
		d = opendir(place->dir);
	for (int i = 0; d && i < ENTRIES_MAX && c->n < EVIDENCE_CAPTURES_MAX && (e = readdir(d));
	     i++) {
		char evidence[RECEIPT_EVIDENCE_LEN];
		struct crashdir parts;

		if (!crashdir_parse(e->d_name, &parts))
			continue;
		snprintf(evidence, sizeof(evidence), "dump:%.200s", e->d_name);
		if (!receipts_have(told, evidence))
			add_dir(c, place, dirfd(d), e->d_name, nodename, told);
	}
}

/* ---- pstore ---- */

/* "time: 2026-11-21 03:44:59 UTC" of the record. */
static uint64_t record_time(const char *record)
{
	char text[64];
	struct tm tm = {0};
	time_t t;

	if (!line_behind(record, "time: ", text, sizeof(text)) ||
	    !strptime(text, "%Y-%m-%d %H:%M:%S", &tm))
		return 0;
	t = timegm(&tm);
	return t > 0 ? t : 0;
}

/*
 * Of the lines of the capture kernel itself, "<7>[    5.123456] Lifeboat capture: ...", the last: the
 * dead kernel's, which stand in the panic record, have a second time behind the first.
 */
static void take_told(struct pstore_log *p, const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		size_t len = strcspn(line += *line == '\n', "\n");
		const char *said = memmem(line, len, "] ", 2);

		if (said && starts_with(said + 2, EVIDENCE_TOLD))
			line_behind(said, EVIDENCE_TOLD, p->told, sizeof(p->told));
	}
}

/*
 * The first line of a record of the kernel's log says why it was stored: "Panic#1 Part2"
 * (fs/pstore/platform.c, pstore_dump()). An "Oops" alone does not end a machine.
 */
void evidence_read_pstore_text(struct pstore_log *p, const char *text)
{
	const char *record = strstr(text, PSTORE_RECORD_TITLE);
	char line[RECEIPT_LINE_MAX];

	if (strncmp(text, "Panic#", 6) == 0)
		p->panic = true;
	if (record) {
		p->record = true;
		if (!p->crash_time)
			p->crash_time = record_time(record);
		if (!p->panic_line[0])
			line_behind(record, "panic: ", p->panic_line, sizeof(p->panic_line));
	}
	if (!p->nomem[0])
		line_behind(text, EVIDENCE_NO_MEMORY, p->nomem, sizeof(p->nomem));
	if (!p->governed[0] && line_behind(text, EVIDENCE_GOVERNED, line, sizeof(line)))
		snprintf(p->governed, sizeof(p->governed), EVIDENCE_GOVERNED "%.400s", line);
	if (!p->governed[0] && line_behind(text, EVIDENCE_REFUSED, line, sizeof(line)))
		snprintf(p->governed, sizeof(p->governed), EVIDENCE_REFUSED "%.400s", line);
	take_told(p, text);
	p->record = p->record || p->told[0];
	if (p->panic && !p->panic_line[0])
		line_behind(text, "Kernel panic - not syncing: ", p->panic_line,
			    sizeof(p->panic_line));
}

/*
 * One file: a part of the end of a kernel's log, as large as one record of the backend, which is 1 KB
 * in EFI variables. Parts are counted from the end of the log, so that the first lines are those of
 * the highest number; none ends within a line (pstore_dump()).
 */
struct pstore_part {
	char *text;
	char evidence[RECEIPT_EVIDENCE_LEN];
	char cause[24]; /* "Shutdown#1": of which storing it is a part; "": it does not say */
	unsigned int number;
	uint64_t time; /* when it was stored, seconds since 1970 */
	unsigned int dir; /* in which it lies, where that tells logs apart */
	unsigned int log; /* which parts are of one log */
};

struct pstore_parts {
	const struct receipts *told;
	struct pstore_part part[EVIDENCE_PSTORE_MAX];
	size_t n;
	size_t bytes; /* of all */
	unsigned int dirs; /* read so far */
};

static void parts_free(struct pstore_parts *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		free(parts->part[i].text);
}

/*
 * The number in the name of an EFI variable's file is (time * 100 + part) * 1000 + count
 * (generate_id() in drivers/firmware/efi/efi-pstore.c). 0 for another name, and for what is no
 * time of our days.
 */
static uint64_t time_of_name(const char *name)
{
	enum { TIME_LEAST = 1000000000, TIME_END = INT32_MAX };
	uint64_t t;

	if (!starts_with(name, "dmesg-efi-") && !starts_with(name, "dmesg-efi_pstore-"))
		return 0;
	t = strtoull(strrchr(name, '-') + 1, NULL, 10) / 1000 / 100;
	return t >= TIME_LEAST && t < TIME_END ? t : 0;
}

/* False when it was told or taken: its bytes count, for it may have been moved or copied. */
static bool is_new(const struct pstore_parts *parts, const char *evidence)
{
	for (size_t i = 0; i < parts->n; i++)
		if (strcmp(parts->part[i].evidence, evidence) == 0)
			return false;
	return !receipts_have(parts->told, evidence);
}

/*
 * systemd-pstore(8) copies the files: their times are then those of the copies, and what is in EFI
 * variables goes to a directory for each second, but of others each log has a directory.
 */
static void add_part(struct pstore_parts *parts, const char *name, unsigned int dir, time_t mtime,
		     char *text, size_t size)
{
	struct pstore_part *p = &parts->part[parts->n];
	uint64_t time = time_of_name(name);
	char word[12];
	unsigned int count;

	*p = (struct pstore_part){.text = text,
				  .time = time	      ? time
					  : mtime > 0 ? mtime
						      : 0,
				  .dir = time ? 0 : dir};
	snprintf(p->evidence, sizeof(p->evidence), "pstore:%.200s:%08lx", name,
		 crc32(0, (const Bytef *)text, size));
	if (sscanf(text, "%11[A-Za-z]#%u Part%u\n", word, &count, &p->number) == 3)
		snprintf(p->cause, sizeof(p->cause), "%s#%u", word, count);
	if (!is_new(parts, p->evidence)) {
		free(text);
		return;
	}
	parts->n++;
	parts->bytes += size;
}

static void read_pstore_file(struct pstore_parts *parts, int at, const char *name, unsigned int dir)
{
	CLEANUP_CLOSE int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_FREE char *text = malloc(EVIDENCE_PSTORE_SIZE_MAX + 1);
	struct stat st;
	char *fit;
	ssize_t n;

	if (fd < 0 || !text || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	n = io_read(fd, text, EVIDENCE_PSTORE_SIZE_MAX, NULL);
	if (n <= 0 || parts->bytes + n > EVIDENCE_PSTORE_TOTAL_MAX)
		return;
	fit = realloc(text, n + 1);
	if (!fit)
		return;
	fit[n] = '\0';
	text = NULL;
	add_part(parts, name, dir, st.st_mtime, fit, n);
}

static void read_pstore_dir(struct pstore_parts *parts, int at, const char *name,
			    unsigned int depth)
{
	CLEANUP_DIR DIR *d = open_dir(at, name);
	unsigned int dir = ++parts->dirs;
	struct dirent *e;

	for (int i = 0; d && i < ENTRIES_MAX && parts->n < EVIDENCE_PSTORE_MAX && (e = readdir(d));
	     i++) {
		if (starts_with(e->d_name, "dmesg-"))
			read_pstore_file(parts, dirfd(d), e->d_name, dir);
		else if (depth && e->d_name[0] != '.')
			read_pstore_dir(parts, dirfd(d), e->d_name, depth - 1);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct pstore_part *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

static int by_log(const void *a, const void *b)
{
	const struct pstore_part *x = a, *y = b;

	if (x->log != y->log)
		return x->log < y->log ? -1 : 1;
	return (x->number < y->number) - (x->number > y->number);
}

static bool same_log(const struct pstore_parts *parts, unsigned int log,
		     const struct pstore_part *part)
{
	size_t found = 0;

	for (size_t i = 0; i < parts->n; i++) {
		const struct pstore_part *p = &parts->part[i];

		if (p->log != log)
			continue;
		if (strcmp(p->cause, part->cause) != 0 || p->number == part->number ||
		    p->dir != part->dir || part->time - p->time > PSTORE_STORING)
			return false;
		found++;
	}
	return found && found < PSTORE_PARTS_MAX;
}

/* Tells which parts are of one log, and lays each log's in order. */
static void sort_parts(struct pstore_parts *parts)
{
	unsigned int logs = 0;

	qsort(parts->part, parts->n, sizeof(parts->part[0]), by_time);
	for (size_t i = 0; i < parts->n; i++) {
		struct pstore_part *p = &parts->part[i];
		unsigned int log = logs;

		while (p->cause[0] && log && !same_log(parts, log, p))
			log--;
		p->log = p->cause[0] && log ? log : ++logs;
	}
	qsort(parts->part, parts->n, sizeof(parts->part[0]), by_log);
}

/* One log: the parts from @first on; where the next one begins. */
static size_t read_log(struct pstore_found *p, const struct pstore_parts *parts, size_t first)
{
	const struct pstore_part *part = parts->part;
	struct pstore_log *log = &p->logs[p->n];
	CLEANUP_FREE char *text = NULL;
	size_t size = 1, end = first;
	char *to;

	for (; end < parts->n && part[end].log == part[first].log; end++) {
		memcpy(p->evidence[end], part[end].evidence, RECEIPT_EVIDENCE_LEN);
		size += strlen(part[end].text);
	}
	to = text = malloc(size);
	if (!text)
		return end;
	for (size_t i = first; i < end; i++)
		to = stpcpy(to, part[i].text);
	*log = (struct pstore_log){.first = first, .n = end - first};
	evidence_read_pstore_text(log, text);
	p->n++;
	return end;
}

void evidence_read_pstore(struct pstore_found *p, const char *root, const struct receipts *told)
{
	CLEANUP_FREE struct pstore_parts *parts = calloc(1, sizeof(*parts));
	char path[FACTS_PATH_MAX];

	p->n = 0;
	if (!parts)
		return;
	parts->told = told;
	if (!facts_path(path, sizeof(path), root, PSTORE_DIR, NULL))
		read_pstore_dir(parts, AT_FDCWD, path, 0);
	// A directory a time, and in it perhaps one a record.
	if (!facts_path(path, sizeof(path), root, PSTORE_ARCHIVE_DIR, NULL))
		read_pstore_dir(parts, AT_FDCWD, path, 2);
	sort_parts(parts);
	for (size_t i = 0; i < parts->n;)
		i = read_log(p, parts, i);
	parts_free(parts);
}

/* ---- the watchdog ---- */

bool evidence_watchdog_reset(const char *root)
{
	CLEANUP_DIR DIR *d = NULL;
	char path[FACTS_PATH_MAX];
	struct dirent *e;

	if (facts_path(path, sizeof(path), root, "/sys/class/watchdog", NULL))
		return false;
	d = opendir(path);
	for (int i = 0; d && i < ENTRIES_MAX && (e = readdir(d)); i++) {
		CLEANUP_FREE char *text = NULL;
		char file[FACTS_PATH_MAX + 300];

		snprintf(file, sizeof(file), "%s/%s/bootstatus", path, e->d_name);
		if (e->d_name[0] != '.' && !io_read_file(file, 4096, &text, NULL, NULL) &&
		    (strtoul(text, NULL, 0) & CARDRESET))
			return true;
	}
	return false;
}
