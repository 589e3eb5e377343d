// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a client may send to lifeboat-receive. The first byte says what is done to the frames that
 * follow, for a fuzzer finds no digest: FIX_SEAL gives each its magic and its digest, FIX_NUMBER
 * counted ones their number, FIX_CHAIN commits their chain. 0: bytes as they are.
 *
 * Whatever comes in: nothing is made but below the root, nobody else may read it, and all of it
 * has names that we give.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/receive.h"
#include "collector/wire.h"
#include "tests/fuzz/fuzz.h"
#include "vmcore/crashdir.h"

enum {
	FIX_SEAL = 1,
	FIX_NUMBER = 2,
	FIX_CHAIN = 4,
	QUOTA = 1 << 20,
};

static void fix_frame(uint8_t *at, int fix, uint64_t *seq, uint64_t *chain)
{
	struct wire_frame f = {
		.type = load_le16(at + 4),
		.flags = load_le16(at + 6),
		.size = load_le32(at + 8),
		.seq = load_le64(at + 16),
		.offset = load_le64(at + 24),
	};
	uint8_t *payload = at + WIRE_HEADER;
	bool counted = wire_counted(f.type);

	if (counted && fix & FIX_NUMBER)
		f.seq = ++*seq;
	if (f.type == WIRE_COMMIT && f.size == WIRE_COMMIT_SIZE && fix & FIX_CHAIN)
		store_le64(payload, *chain);
	wire_seal(&f, payload, at);
	if (counted)
		*chain = wire_chain(*chain, f.digest);
}

static void fix_frames(uint8_t *p, size_t size, int fix)
{
	uint64_t seq = 0, chain = 0;
	size_t at = 0;

	while (fix & FIX_SEAL && size - at >= WIRE_HEADER) {
		uint32_t payload = load_le32(p + at + 8);

		if (payload > size - at - WIRE_HEADER)
			break;
		fix_frame(p + at, fix, &seq, &chain);
		at += WIRE_HEADER + payload;
	}
}

/* Calls @each with all names in the directory. */
static void walk(int dir, void (*each)(int dir, const char *name))
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	struct dirent *e;

	FUZZ_CHECK(d);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			each(dir, e->d_name);
	closedir(d);
}

static void check_file(int dir, const char *name)
{
	struct stat st;

	FUZZ_CHECK(!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW));
	FUZZ_CHECK(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600);
	FUZZ_CHECK(crashdir_is_file(name));
	FUZZ_CHECK(!unlinkat(dir, name, 0));
}

/* Of the root: a crash directory, or a journal. */
static void check_entry(int root, const char *name)
{
	struct crashdir parts;
	struct stat st;

	FUZZ_CHECK(!fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW));
	if (name[0] == '.') {
		FUZZ_CHECK(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600);
		FUZZ_CHECK(!unlinkat(root, name, 0));
	} else {
		int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		FUZZ_CHECK(fd >= 0 && (st.st_mode & 0777) == 0700 && crashdir_parse(name, &parts));
		walk(fd, check_file);
		close(fd);
		FUZZ_CHECK(!unlinkat(root, name, AT_REMOVEDIR));
	}
}

/* The directory that the root is in has nothing else in it. */
static void check_top(int top, const char *name)
{
	int root = openat(top, name, O_RDONLY | O_DIRECTORY);

	FUZZ_CHECK(!strcmp(name, "root") && root >= 0);
	walk(root, check_entry);
	close(root);
	FUZZ_CHECK(!unlinkat(top, name, AT_REMOVEDIR));
}

static int run(const uint8_t *data, size_t size)
{
	char top[] = "/dev/shm/fuzz_receive.XXXXXX", root[sizeof(top) + 8];
	struct receive_conf conf = {.root = root, .limits = {.keep_bytes = QUOTA}};
	int in = memfd_create("in", 0), out = open("/dev/null", O_WRONLY), fd;
	uint8_t *frames = malloc(size);
	struct err err = {0};
	int rc;

	FUZZ_CHECK(size && frames && in >= 0 && out >= 0 && mkdtemp(top));
	memcpy(frames, data, size);
	fix_frames(frames + 1, size - 1, frames[0]);
	FUZZ_CHECK(!io_write(in, frames + 1, size - 1, NULL) && !lseek(in, 0, SEEK_SET));
	free(frames);
	snprintf(root, sizeof(root), "%s/root", top);
	FUZZ_CHECK(!mkdir(root, 0700));
	umask(077);
	rc = receive_run(&conf, in, out, &err);
	FUZZ_CHECK(rc <= 0 && (!rc || err.msg[0]));
	close(in);
	close(out);
	fd = open(top, O_RDONLY | O_DIRECTORY);
	walk(fd, check_top);
	close(fd);
	FUZZ_CHECK(!rmdir(top));
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		run(data, size);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	return size ? run(data, size) : ERR_NODATA;
}
