// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/mkcrash.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "tests/lib/mkcore.h"

#define LOG_AT	0x1500000
#define LOG_VA	0xffffffff81500000
#define VARS_AT 0x1700000

enum {
	HEADER = 16, // struct printk_log: ts_nsec, len, text_len, dict_len, two bytes
	LINE_LEN_MAX = 1000,
	INFO_ROOM = 8192,
	TIME_STEP = 1000000,
};

/* Page tables, and names, one of which is odd. */
static const char machine[] =
	"load paddr=0x1000000 size=8M vaddr=0xffff888001000000\n"
	"data 0x1200ff8 le64 0x1201067\n"
	"data 0x1201ff0 le64 0x1202067\n"
	"data 0x1202040 le64 0x10000e7 le64 0x12000e7 le64 0x14000e7 le64 0x16000e7\n"
	"data 0x1300000 \"Linux\" @65 \"host\\x01\\xff\" @130 \"5.4.0-test\" @195 "
	"\"#1 SMP\" @260 \"x86_64\" @325 \"(none)\" @390\n";

static const char info[] =
	"vmcoreinfo <<END\n"
	"OSRELEASE=5.4.0-test\nPAGESIZE=4096\n"
	"SYMBOL(init_uts_ns)=ffffffff81300000\nOFFSET(uts_namespace.name)=0\n"
	"SYMBOL(init_top_pgt)=ffffffff81200000\nNUMBER(phys_base)=0\n"
	"SYMBOL(_stext)=ffffffff81000000\n"
	"SYMBOL(log_buf)=ffffffff81700000\nSYMBOL(log_buf_len)=ffffffff81700008\n"
	"SYMBOL(log_first_idx)=ffffffff81700010\n"
	"SYMBOL(log_next_idx)=ffffffff81700018\n"
	"SIZE(printk_log)=16\nOFFSET(printk_log.ts_nsec)=0\n"
	"OFFSET(printk_log.len)=8\nOFFSET(printk_log.text_len)=10\n"
	"OFFSET(printk_log.dict_len)=12\nCRASHTIME=1700000000\nKERNELOFFSET=1000000\n"
	"%sEND\n";

/* The lines of @log as records of log_buf, as far as there is room. */
static int put_log(struct mkcore *mk, const char *log, size_t size, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = calloc(1, MKCRASH_LOG_MAX);
	uint8_t vars[32] = {0};
	size_t used = 0;
	int rc;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for a log");
	while (size) {
		const char *end = memchr(log, '\n', size);
		size_t len = end ? (size_t)(end - log) : size, cut = len, room;

		if (cut > LINE_LEN_MAX)
			cut = LINE_LEN_MAX;
		room = (HEADER + cut + 3) & ~(size_t)3;
		if (used + room + HEADER > MKCRASH_LOG_MAX)
			break;
		store_le64(buf + used, used * TIME_STEP);
		store_le16(buf + used + 8, room);
		store_le16(buf + used + 10, cut);
		memcpy(buf + used + HEADER, log, cut);
		used += room;
		log += len + (end != NULL);
		size -= len + (end != NULL);
	}
	store_le64(vars, LOG_VA);
	store_le32(vars + 8, MKCRASH_LOG_MAX);
	store_le32(vars + 24, used);
	rc = mkcore_data(mk, LOG_AT, buf, MKCRASH_LOG_MAX, err);
	return rc ? rc : mkcore_data(mk, VARS_AT, vars, sizeof(vars), err);
}

static int put_info(struct mkcore *mk, const char *more, struct err *err)
{
	char text[INFO_ROOM];

	if (!more)
		return 0;
	snprintf(text, sizeof(text), info, more);
	return mkcore_parse(mk, "info", text, strlen(text), err);
}

int mkcrash_memfd(const char *notes, const char *log, size_t size, const char *more,
		  struct err *err)
{
	CLEANUP_CLOSE int fd = memfd_create("crash", MFD_CLOEXEC);
	struct mkcore *mk = mkcore_create();
	int rc = 0;

	if (fd < 0 || !mk)
		rc = err_set(err, ERR_NOMEM, "no memory for a core");
	if (!rc)
		rc = mkcore_parse(mk, "machine", machine, strlen(machine), err);
	if (!rc)
		rc = mkcore_parse(mk, "notes", notes, strlen(notes), err);
	if (!rc)
		rc = put_info(mk, more, err);
	if (!rc)
		rc = put_log(mk, log, size, err);
	if (!rc)
		rc = mkcore_write(mk, fd, err);
	mkcore_destroy(mk);
	return rc ? rc : steal_fd(&fd);
}
