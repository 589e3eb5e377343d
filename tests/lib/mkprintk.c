// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/mkprintk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"

enum {
	LONG_SIZE = 8,
	STATE_SHIFT = 62,
	REUSABLE = 3,
	LOG_ALIGN = 4,
};

#define ID_MASK (UINT64_MAX >> 2)

/* The ring while it is written to. */
struct ring {
	struct mkprintk *mk;
	uint64_t count, size; /* of descriptors and of data */
	uint64_t head_id, tail_id, head_lpos, tail_lpos;
	bool fill_to_end;
};

static void need(bool ok)
{
	if (!ok)
		abort();
}

static uint8_t *desc_of(const struct ring *r, uint64_t id)
{
	return r->mk->mem + r->mk->descs + id % r->count * MKPRINTK_DESC_SIZE;
}

static uint8_t *info_of(const struct ring *r, uint64_t id)
{
	return r->mk->mem + r->mk->infos + id % r->count * MKPRINTK_INFO_SIZE;
}

static uint8_t *data_at(const struct ring *r, uint64_t lpos)
{
	return r->mk->mem + r->mk->data + lpos % r->size;
}

static void set_state(const struct ring *r, uint64_t id, uint64_t state)
{
	store_le64(desc_of(r, id), state << STATE_SHIFT | id);
}

/* Pushes the tail of the data up to where @room bytes up to @lpos are free. */
static void free_data(struct ring *r, uint64_t lpos)
{
	while (lpos - r->tail_lpos > r->size) {
		uint64_t id = load_le64(data_at(r, r->tail_lpos));

		r->tail_lpos = load_le64(desc_of(r, id) + 16);
		set_state(r, id, REUSABLE);
	}
}

/* Takes a block for the text of @id; its text goes to the result. */
static uint8_t *take_block(struct ring *r, uint64_t id, size_t len)
{
	uint64_t size = (LONG_SIZE + len + LONG_SIZE - 1) / LONG_SIZE * LONG_SIZE;
	uint64_t begin = r->head_lpos, next = begin + size;
	uint64_t last = r->fill_to_end ? next - 1 : next;
	bool wraps = begin / r->size != last / r->size;

	need(size <= r->size / 2);
	if (wraps)
		next = next / r->size * r->size + size;
	free_data(r, next);
	r->head_lpos = next;
	store_le64(desc_of(r, id) + 8, begin);
	store_le64(desc_of(r, id) + 16, next);
	store_le64(data_at(r, begin), id);
	if (!wraps)
		return data_at(r, begin) + LONG_SIZE;
	store_le64(data_at(r, 0), id);
	return data_at(r, 0) + LONG_SIZE;
}

static void add_record(struct ring *r, const struct mkprintk_rec *rec)
{
	static const uint64_t states[] = {
		[MKPRINTK_RESERVED] = 0,
		[MKPRINTK_COMMITTED] = 1,
		[MKPRINTK_FINALIZED] = 2,
		[MKPRINTK_FAILED] = 2,
	};
	size_t len = rec->len ? rec->len : strlen(rec->text);
	uint64_t id = (r->head_id + 1) & ID_MASK;

	if (((id - r->tail_id) & ID_MASK) >= r->count) {
		uint64_t next = load_le64(desc_of(r, r->tail_id) + 16);

		// Its text goes with it, and that of those that were freed before.
		if (!(next & 1) && next - r->tail_lpos <= r->size)
			r->tail_lpos = next;
		r->tail_id = (r->tail_id + 1) & ID_MASK;
	}
	r->head_id = id;
	set_state(r, id, 0);
	if (rec->state == MKPRINTK_FAILED || !len) {
		store_le64(desc_of(r, id) + 8, len ? 1 : 3);
		store_le64(desc_of(r, id) + 16, len ? 1 : 3);
	} else {
		memcpy(take_block(r, id, len), rec->text, len);
	}
	store_le64(info_of(r, id) + 8, rec->ts_nsec);
	store_le16(info_of(r, id) + 16, (uint16_t)len);
	store_le32(info_of(r, id) + 20, rec->caller);
	set_state(r, id, states[rec->state]);
}

static char *prb_vmcoreinfo(void)
{
	char *text;

	need(asprintf(&text,
		      "OSRELEASE=6.1.0-synthetic\nPAGESIZE=4096\nSYMBOL(prb)=%llx\n"
		      "SIZE(printk_ringbuffer)=88\nOFFSET(printk_ringbuffer.desc_ring)=0\n"
		      "OFFSET(printk_ringbuffer.text_data_ring)=48\n"
		      "OFFSET(printk_ringbuffer.fail)=80\nSIZE(prb_desc_ring)=48\n"
		      "OFFSET(prb_desc_ring.count_bits)=0\nOFFSET(prb_desc_ring.descs)=8\n"
		      "OFFSET(prb_desc_ring.infos)=16\nOFFSET(prb_desc_ring.head_id)=24\n"
		      "OFFSET(prb_desc_ring.tail_id)=32\nSIZE(prb_desc)=%d\n"
		      "OFFSET(prb_desc.state_var)=0\nOFFSET(prb_desc.text_blk_lpos)=8\n"
		      "SIZE(prb_data_blk_lpos)=16\nOFFSET(prb_data_blk_lpos.begin)=0\n"
		      "OFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=%d\n"
		      "OFFSET(printk_info.seq)=0\nOFFSET(printk_info.ts_nsec)=8\n"
		      "OFFSET(printk_info.text_len)=16\nOFFSET(printk_info.caller_id)=20\n"
		      "OFFSET(printk_info.dev_info)=24\nSIZE(prb_data_ring)=32\n"
		      "OFFSET(prb_data_ring.size_bits)=0\nOFFSET(prb_data_ring.data)=8\n"
		      "SIZE(atomic_long_t)=8\nOFFSET(atomic_long_t.counter)=0\n",
		      (unsigned long long)(MKPRINTK_VA + MKPRINTK_VARS), MKPRINTK_DESC_SIZE,
		      MKPRINTK_INFO_SIZE) > 0);
	return text;
}

static void store_rb(const struct ring *r, const struct mkprintk_opts *opts)
{
	struct mkprintk *mk = r->mk;

	store_le64(mk->mem + MKPRINTK_VARS, MKPRINTK_VA + MKPRINTK_RB);
	store_le32(mk->mem + MKPRINTK_COUNT_BITS, opts->count_bits);
	store_le64(mk->mem + MKPRINTK_DESCS, MKPRINTK_VA + mk->descs);
	store_le64(mk->mem + MKPRINTK_INFOS, MKPRINTK_VA + mk->infos);
	store_le64(mk->mem + MKPRINTK_HEAD_ID, r->head_id);
	store_le64(mk->mem + MKPRINTK_TAIL_ID, r->tail_id);
	store_le32(mk->mem + MKPRINTK_SIZE_BITS, opts->size_bits);
	store_le64(mk->mem + MKPRINTK_DATA, MKPRINTK_VA + mk->data);
}

void mkprintk_prb(struct mkprintk *mk, const struct mkprintk_opts *opts,
		  const struct mkprintk_rec *recs, size_t n)
{
	struct ring r = {.mk = mk, .fill_to_end = opts->fill_to_end};

	need(opts->count_bits && opts->count_bits < 20 && opts->size_bits < 24);
	r.count = UINT64_C(1) << opts->count_bits;
	r.size = UINT64_C(1) << opts->size_bits;
	memset(mk, 0, sizeof(*mk));
	mk->descs = MKPRINTK_ARRAYS;
	mk->infos = mk->descs + r.count * MKPRINTK_DESC_SIZE;
	mk->data = mk->infos + r.count * MKPRINTK_INFO_SIZE;
	mk->data_size = r.size;
	mk->size = mk->data + r.size;
	mk->mem = calloc(1, mk->size);
	need(mk->mem);

	// BLK0_LPOS and DESC0_ID: both overflow soon, so that an overflow is nothing rare.
	r.head_lpos = r.tail_lpos = -r.size;
	r.head_id = r.tail_id = -(r.count + 1) & ID_MASK;
	set_state(&r, r.head_id, REUSABLE);
	store_le64(desc_of(&r, r.head_id) + 8, 1);
	store_le64(desc_of(&r, r.head_id) + 16, 1);
	for (size_t i = 0; i < n; i++)
		add_record(&r, &recs[i]);
	store_rb(&r, opts);
	mk->head_id = r.head_id;
	mk->tail_id = r.tail_id;
	mk->vmcoreinfo = prb_vmcoreinfo();
}

static char *logbuf_vmcoreinfo(const struct mkprintk_opts *opts, size_t header)
{
	const char *name = opts->old_name ? "log" : "printk_log";
	unsigned long long va = MKPRINTK_VA;
	char *text;

	need(asprintf(&text,
		      "OSRELEASE=4.19.0-synthetic\nPAGESIZE=4096\nSYMBOL(log_buf)=%llx\n"
		      "SYMBOL(log_buf_len)=%llx\nSYMBOL(log_first_idx)=%llx\n"
		      "SYMBOL(log_next_idx)=%llx\nSIZE(%s)=%zu\nOFFSET(%s.ts_nsec)=0\n"
		      "OFFSET(%s.len)=8\nOFFSET(%s.text_len)=10\nOFFSET(%s.dict_len)=12\n%s",
		      va + MKPRINTK_VARS, va + MKPRINTK_LOG_LEN, va + MKPRINTK_LOG_FIRST,
		      va + MKPRINTK_LOG_NEXT, name, header, name, name, name, name,
		      opts->caller ? "OFFSET(printk_log.caller_id)=16\n" : "") > 0);
	return text;
}

/* Does a record of @size bytes fit, with a header behind it that would say "wrap"? */
static bool log_fits(const struct mkprintk *mk, size_t first, size_t next, size_t size,
		     size_t header, bool empty)
{
	size_t room;

	if (next > first || empty)
		room = mk->data_size - next > first ? mk->data_size - next : first;
	else
		room = first - next;
	return room >= size + header;
}

void mkprintk_logbuf(struct mkprintk *mk, const struct mkprintk_opts *opts,
		     const struct mkprintk_rec *recs, size_t n)
{
	size_t header = opts->caller ? MKPRINTK_HEADER_CALLER : MKPRINTK_HEADER_SIZE;
	size_t first = 0, next = 0, held = 0;
	uint8_t *buf;

	need(opts->size_bits < 24);
	memset(mk, 0, sizeof(*mk));
	mk->data = MKPRINTK_ARRAYS;
	mk->data_size = (size_t)1 << opts->size_bits;
	mk->size = mk->data + mk->data_size;
	mk->mem = calloc(1, mk->size);
	need(mk->mem);
	buf = mk->mem + mk->data;
	for (size_t i = 0; i < n; i++) {
		size_t len = recs[i].len ? recs[i].len : strlen(recs[i].text);
		size_t size = (header + len + LOG_ALIGN - 1) / LOG_ALIGN * LOG_ALIGN;

		need(size + header <= mk->data_size / 2);
		for (; !log_fits(mk, first, next, size, header, !held); held--) {
			size_t old = load_le16(buf + first + 8);

			first = old ? first + old : load_le16(buf + 8);
		}
		if (next + size + header > mk->data_size) {
			memset(buf + next, 0, header);
			next = 0;
		}
		if (!held)
			first = next;
		store_le64(buf + next, recs[i].ts_nsec);
		store_le16(buf + next + 8, (uint16_t)size);
		store_le16(buf + next + 10, (uint16_t)len);
		store_le32(buf + next + 12, 0);
		if (opts->caller)
			store_le32(buf + next + 16, recs[i].caller);
		memcpy(buf + next + header, recs[i].text, len);
		next += size;
		held++;
	}
	store_le64(mk->mem + MKPRINTK_VARS, MKPRINTK_VA + mk->data);
	store_le32(mk->mem + MKPRINTK_LOG_LEN, (uint32_t)mk->data_size);
	store_le32(mk->mem + MKPRINTK_LOG_FIRST, (uint32_t)first);
	store_le32(mk->mem + MKPRINTK_LOG_NEXT, (uint32_t)next);
	mk->vmcoreinfo = logbuf_vmcoreinfo(opts, header);
}

void mkprintk_deinit(struct mkprintk *mk)
{
	free(mk->mem);
	free(mk->vmcoreinfo);
	memset(mk, 0, sizeof(*mk));
}

int mkprintk_read(void *ctx, vaddr_t va, void *buf, size_t size, struct err *err)
{
	const struct mkprintk *mk = ctx;
	uint64_t at = va - MKPRINTK_VA;

	if (at > mk->size || size > mk->size - at)
		return err_set(err, ERR_NOTFOUND, "no memory at 0x%llx", (unsigned long long)va);
	memcpy(buf, mk->mem + at, size);
	return 0;
}
