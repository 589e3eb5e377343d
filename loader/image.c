// SPDX-License-Identifier: GPL-2.0-or-later
#define XXH_STATIC_LINKING_ONLY // the states are of a known size
#include "loader/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"

enum {
	CHUNK = 1 << 18,
	/* x86 boot protocol (Documentation/arch/x86/boot.rst). */
	HDRS_MAGIC_AT = 0x202,
	KERNEL_VERSION_AT = 0x20e, /* less 0x200: where the version's text is */
	INIT_SIZE_AT = 0x260,
	SETUP_MIN = 0x264,
};

/* Where distributions keep the kernel called RELEASE; %s stands for it. */
static const char *const kernel_dirs[] = {
	"/boot/vmlinuz-%s", "/lib/modules/%s/vmlinuz", "/usr/lib/modules/%s/vmlinuz",
	"/boot/kernel-%s",  "/boot/Image-%s",	       "/boot/vmlinux-%s",
};

/* From the header of a bzImage: how much it takes when unpacked, and its release. */
static void read_setup(struct image *img, const uint8_t *head, size_t size)
{
	uint64_t at;
	size_t n = 0;

	// Most of a vmlinux may be debug information, which is not loaded.
	if (size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
		img->memory = 0;
	if (size < SETUP_MIN || memcmp(head + HDRS_MAGIC_AT, "HdrS", 4) != 0)
		return;
	if (load_le32(head + INIT_SIZE_AT) > img->memory)
		img->memory = load_le32(head + INIT_SIZE_AT);
	at = 0x200 + (uint64_t)load_le16(head + KERNEL_VERSION_AT);
	if (at == 0x200)
		return;
	for (; at + n < size && n + 1 < sizeof(img->release); n++) {
		char ch = head[at + n];

		// "6.1.0-30-amd64 (builder) #1 SMP ...", and a name of a file must come of it.
		if (ch <= ' ' || ch > '~' || ch == '/')
			break;
		img->release[n] = ch;
	}
	img->release[n] = '\0';
}

static void digest_text(XXH128_hash_t hash, char ret[static IMAGE_DIGEST_LEN])
{
	snprintf(ret, IMAGE_DIGEST_LEN, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64,
		 (uint64_t)hash.low64);
}

void image_digest(const void *data, size_t size, char ret[static IMAGE_DIGEST_LEN])
{
	digest_text(XXH3_128bits(data, size), ret);
}

/* Of all of the file; the first chunk stays in @buf. */
static int checksum(struct image *img, int fd, uint8_t *buf, struct err *err)
{
	CLEANUP_FREE uint8_t *more = malloc(CHUNK);
	uint64_t done = 0;
	XXH3_state_t hash;
	ssize_t n;

	if (!more)
		return err_set(err, ERR_NOMEM, "%s: no memory to read it", img->path);
	XXH3_128bits_reset(&hash);
	do {
		uint8_t *to = done ? more : buf;

		n = io_pread(fd, to, CHUNK, done, err);
		if (n < 0) {
			err_prepend(err, "%s", img->path);
			return n;
		}
		XXH3_128bits_update(&hash, to, n);
		done += n;
	} while (n == CHUNK);
	if (done != img->size)
		return err_set(err, ERR_CORRUPT,
			       "%s: its size changes while it is read; load again when it is whole",
			       img->path);
	digest_text(XXH3_128bits_digest(&hash), img->digest);
	return 0;
}

int image_open(struct image *img, const char *root, const char *path, int *ret_fd, struct err *err)
{
	CLEANUP_FREE uint8_t *head = malloc(CHUNK);
	CLEANUP_CLOSE int fd = -1;
	char full[FACTS_PATH_MAX];
	struct stat st;
	int rc;

	if (!head)
		return err_set(err, ERR_NOMEM, "%s: no memory to read it", path);
	rc = facts_path(full, sizeof(full), root, path, err);
	if (rc)
		return rc;
	// A FIFO in the place of an image must not hold us up.
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return err_set(err, ERR_CORRUPT, "%s: %s", path,
			       S_ISREG(st.st_mode) ? "is empty" : "is not a plain file");
	*img = (struct image){
		.size = st.st_size, .memory = st.st_size, .written = st.st_mtim.tv_sec};
	snprintf(img->path, sizeof(img->path), "%s", path);
	rc = checksum(img, fd, head, err);
	if (rc)
		return rc;
	read_setup(img, head, img->size < CHUNK ? img->size : CHUNK);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int image_open_kernel(struct image *img, const char *root, const char *path, const char *release,
		      int *ret_fd, struct err *err)
{
	char found[FACTS_PATH_MAX], full[FACTS_PATH_MAX];

	if (path[0])
		return image_open(img, root, path, ret_fd, err);
	for (size_t i = 0; i < ARRAY_SIZE(kernel_dirs); i++) {
		const char *at = strstr(kernel_dirs[i], "%s");
		int rc;

		snprintf(found, sizeof(found), "%.*s%s%s", (int)(at - kernel_dirs[i]),
			 kernel_dirs[i], release, at + 2);
		rc = facts_path(full, sizeof(full), root, found, err);
		if (rc)
			return rc;
		if (access(full, F_OK) == 0)
			return image_open(img, root, found, ret_fd, err);
	}
	return err_set(err, ERR_NOTFOUND,
		       "no kernel %s in /boot or /lib/modules: name one with the key kernel",
		       release);
}

int image_open_initrd(struct image *img, const char *root, const char *path, const char *release,
		      int *ret_fd, struct err *err)
{
	char made[FACTS_PATH_MAX];
	struct err why = {0};
	int rc;

	if (path[0])
		return image_open(img, root, path, ret_fd, err);
	snprintf(made, sizeof(made), IMAGE_INITRD_DIR "/initrd-%s.img", release);
	rc = image_open(img, root, made, ret_fd, &why);
	if (rc == ERR_SYS && why.sys == ENOENT)
		return err_set(err, ERR_NOTFOUND,
			       "%s: there is no initrd for the capture kernel yet: run "
			       "lifeboat-mkinitrd, or name one with the key initrd",
			       made);
	if (rc && err)
		*err = why;
	return rc;
}
