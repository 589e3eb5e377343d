// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lockless ring buffer (kernel/printk/printk_ringbuffer.h, since 5.10). Three arrays:
 *
 *   descs   state_var: a descriptor's ID, its state in the two highest bits; and where its
 *           text is, as logical positions begin and next that only ever grow
 *   infos   time, length and caller of the record in the descriptor of the same index
 *   data    blocks: the ID of the descriptor, as one long, then the text, padded to a long.
 *           A block that would reach over the end is at index 0 instead, whole.
 *
 * IDs grow too; an index is an ID or a position modulo the size of its array.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/printk_priv.h"

enum {
	LONG_SIZE = 8, /* of the dead kernel; 32-bit ones are not read */
	DATA_BITS_MIN = 4, /* an ID and some text */
	STATE_SHIFT = 62,

	/* enum desc_state; 0 is reserved: its writer had not finished; 3 is reusable: empty. */
	STATE_COMMITTED = 1,
	STATE_FINALIZED = 2,

	/* FAILED_LPOS is 1, NO_LPOS (EMPTY_LINE_LPOS since 6.8) 3; real ones are even. */
	LPOS_DATALESS = 1,
};

#define ID_MASK (UINT64_MAX >> 2)

struct prb_layout {
	uint64_t prb; /* address of the pointer to the ring */
	uint64_t rb_desc_ring, rb_text_ring;
	uint64_t ring_count_bits, ring_descs, ring_infos, ring_head, ring_tail;
	uint64_t data_size_bits, data_data;
	uint64_t desc_size, desc_state, desc_lpos;
	uint64_t lpos_begin, lpos_next;
	uint64_t info_size, info_ts, info_text_len;
	uint64_t atomic_size, atomic_counter;
};

#define KEY(kind, name, field)                                 \
	{                                                      \
		kind, name, offsetof(struct prb_layout, field) \
	}

/* clang-format off */
static const struct printk_key prb_keys[] = {
	KEY(PRINTK_SYMBOL, "prb", prb),
	KEY(PRINTK_OFFSET, "printk_ringbuffer.desc_ring", rb_desc_ring),
	KEY(PRINTK_OFFSET, "printk_ringbuffer.text_data_ring", rb_text_ring),
	KEY(PRINTK_OFFSET, "prb_desc_ring.count_bits", ring_count_bits),
	KEY(PRINTK_OFFSET, "prb_desc_ring.descs", ring_descs),
	KEY(PRINTK_OFFSET, "prb_desc_ring.infos", ring_infos),
	KEY(PRINTK_OFFSET, "prb_desc_ring.head_id", ring_head),
	KEY(PRINTK_OFFSET, "prb_desc_ring.tail_id", ring_tail),
	KEY(PRINTK_OFFSET, "prb_data_ring.size_bits", data_size_bits),
	KEY(PRINTK_OFFSET, "prb_data_ring.data", data_data),
	KEY(PRINTK_SIZE, "prb_desc", desc_size),
	KEY(PRINTK_OFFSET, "prb_desc.state_var", desc_state),
	KEY(PRINTK_OFFSET, "prb_desc.text_blk_lpos", desc_lpos),
	KEY(PRINTK_OFFSET, "prb_data_blk_lpos.begin", lpos_begin),
	KEY(PRINTK_OFFSET, "prb_data_blk_lpos.next", lpos_next),
	KEY(PRINTK_SIZE, "printk_info", info_size),
	KEY(PRINTK_OFFSET, "printk_info.ts_nsec", info_ts),
	KEY(PRINTK_OFFSET, "printk_info.text_len", info_text_len),
	KEY(PRINTK_SIZE, "atomic_long_t", atomic_size),
	KEY(PRINTK_OFFSET, "atomic_long_t.counter", atomic_counter),
};
/* clang-format on */

struct prb {
	struct prb_layout at;
	uint64_t tail_id, ids; /* the oldest descriptor, and how many from it to the newest */
	uint64_t text_left; /* what the blocks to come can hold: blocks do not overlap */
	struct printk_window descs, infos, data;
};

static int prb_layout_check(const struct prb_layout *at, struct err *err)
{
	uint64_t begin = at->desc_lpos + at->lpos_begin, next = at->desc_lpos + at->lpos_next;

	if (at->atomic_size != LONG_SIZE)
		return err_set(err, ERR_UNSUPPORTED, "printk: SIZE(atomic_long_t) is %llu, not %d",
			       (unsigned long long)at->atomic_size, LONG_SIZE);
	if (!printk_fits(at->desc_state + at->atomic_counter, LONG_SIZE, at->desc_size) ||
	    !printk_fits(begin, LONG_SIZE, at->desc_size) ||
	    !printk_fits(next, LONG_SIZE, at->desc_size))
		return err_set(err, ERR_CORRUPT,
			       "printk: the fields of prb_desc are not inside its %llu bytes",
			       (unsigned long long)at->desc_size);
	if (!printk_fits(at->info_ts, 8, at->info_size) ||
	    !printk_fits(at->info_text_len, 2, at->info_size))
		return err_set(err, ERR_CORRUPT,
			       "printk: the fields of printk_info are not inside its %llu bytes",
			       (unsigned long long)at->info_size);
	return 0;
}

/* The descriptors: how many, where, and which IDs are in them now. */
static int prb_open_descs(struct prb *prb, const struct printk_io *io, vaddr_t ring,
			  struct err *err)
{
	const struct prb_layout *at = &prb->at;
	uint64_t bits, descs, infos, head, tail, counter = at->atomic_counter;
	int rc;

	if ((rc = printk_read_word(io, ring + at->ring_count_bits, 4, "count_bits", &bits, err)) ||
	    (rc = printk_read_word(io, ring + at->ring_descs, 8, "descs", &descs, err)) ||
	    (rc = printk_read_word(io, ring + at->ring_infos, 8, "infos", &infos, err)) ||
	    (rc = printk_read_word(io, ring + at->ring_head + counter, 8, "head_id", &head, err)) ||
	    (rc = printk_read_word(io, ring + at->ring_tail + counter, 8, "tail_id", &tail, err)))
		return rc;
	if (bits >= 64 || UINT64_C(1) << bits > PRINTK_RECORDS_MAX)
		return err_set(err, ERR_CORRUPT,
			       "printk: count_bits is %llu, expected at most %d descriptors",
			       (unsigned long long)bits, PRINTK_RECORDS_MAX);
	prb->tail_id = tail & ID_MASK;
	prb->ids = ((head - tail) & ID_MASK) + 1;
	if (prb->ids > UINT64_C(1) << bits)
		return err_set(err, ERR_CORRUPT,
			       "printk: IDs 0x%llx to 0x%llx do not fit in %llu descriptors",
			       (unsigned long long)tail, (unsigned long long)head, 1ULL << bits);
	rc = printk_window_init(&prb->descs, io, descs, at->desc_size, UINT64_C(1) << bits, err);
	if (!rc)
		rc = printk_window_init(&prb->infos, io, infos, at->info_size, UINT64_C(1) << bits,
					err);
	return rc;
}

static int prb_open_data(struct prb *prb, const struct printk_io *io, vaddr_t ring, struct err *err)
{
	uint64_t bits, data;
	int rc;

	if ((rc = printk_read_word(io, ring + prb->at.data_size_bits, 4, "size_bits", &bits,
				   err)) ||
	    (rc = printk_read_word(io, ring + prb->at.data_data, 8, "data", &data, err)))
		return rc;
	if (bits < DATA_BITS_MIN || bits >= 64 || UINT64_C(1) << bits > PRINTK_RING_MAX)
		return err_set(err, ERR_CORRUPT,
			       "printk: size_bits is %llu, expected %d bits to %d bytes",
			       (unsigned long long)bits, DATA_BITS_MIN, PRINTK_RING_MAX);
	prb->text_left = UINT64_C(1) << bits;
	return printk_window_init(&prb->data, io, data, 1, UINT64_C(1) << bits, err);
}

static int prb_open(struct prb *prb, const struct vmcoreinfo *vi, const struct printk_io *io,
		    struct err *err)
{
	uint64_t rb;
	int rc;

	if ((rc = printk_keys(vi, prb_keys, ARRAY_SIZE(prb_keys), &prb->at, err)) ||
	    (rc = prb_layout_check(&prb->at, err)) ||
	    (rc = printk_read_word(io, prb->at.prb, 8, "prb", &rb, err)) ||
	    (rc = prb_open_descs(prb, io, rb + prb->at.rb_desc_ring, err)))
		return rc;
	return prb_open_data(prb, io, rb + prb->at.rb_text_ring, err);
}

/*
 * Where the text of a block from @begin to @next is, and its room: 0 or PRINTK_LOST.
 * A block that ends with the array has next at index 0 and does not wrap (since 6.19; before,
 * such a block was put at the start like those that are longer, and next is not at 0 then).
 */
static int prb_block(struct prb *prb, uint64_t id, uint64_t begin, uint64_t next,
		     struct printk_rec *rec, struct err *err)
{
	uint64_t size = prb->data.count, start = begin % size, end = next % size;
	uint8_t owner[LONG_SIZE];
	int rc;

	if (begin % LONG_SIZE || next % LONG_SIZE || next == begin || next - begin >= size)
		return PRINTK_LOST;
	if (!end)
		end = size;
	else if (start > end)
		start = 0;
	if (end - start < LONG_SIZE)
		return PRINTK_LOST;
	rc = printk_window_copy(&prb->data, start, LONG_SIZE, owner, err);
	if (rc)
		return rc;
	// The block of another record: this one's was overwritten.
	if (load_le64(owner) != id)
		return PRINTK_LOST;
	rec->pos = start + LONG_SIZE;
	rec->len = end - rec->pos;
	return 0;
}

/* One descriptor: 0 (also when it holds no text), PRINTK_LOST, or negative to end the walk. */
static int prb_record(struct prb *prb, uint64_t id, struct printk_text *t, struct err *err)
{
	const struct prb_layout *at = &prb->at;
	uint64_t index = id % prb->descs.count, state, begin, next, len;
	struct printk_rec rec = {0};
	const uint8_t *p;
	int rc;

	rc = printk_window_at(&prb->descs, index, &p, NULL, err);
	if (rc)
		return rc;
	state = load_le64(p + at->desc_state + at->atomic_counter);
	begin = load_le64(p + at->desc_lpos + at->lpos_begin);
	next = load_le64(p + at->desc_lpos + at->lpos_next);
	if ((state & ID_MASK) != id)
		return PRINTK_LOST;
	state >>= STATE_SHIFT;
	if (state != STATE_COMMITTED && state != STATE_FINALIZED)
		return 0;
	if (begin & next & LPOS_DATALESS)
		return 0;
	rc = prb_block(prb, id, begin, next, &rec, err);
	if (!rc)
		rc = printk_window_at(&prb->infos, index, &p, NULL, err);
	if (rc)
		return rc;
	rec.ts_nsec = load_le64(p + at->info_ts);
	len = load_le16(p + at->info_text_len);
	if (len < rec.len)
		rec.len = len;
	// More text than the ring has room for: blocks overlap, and would give text without end.
	if (rec.len > prb->text_left)
		return PRINTK_LOST;
	prb->text_left -= rec.len;
	return printk_text_record(t, &rec, &prb->data, err);
}

int printk_dump_prb(const struct vmcoreinfo *vi, struct printk_text *t, struct err *err)
{
	struct prb prb;
	int rc;

	rc = prb_open(&prb, vi, t->io, err);
	if (rc)
		return rc;
	for (uint64_t i = 0; i < prb.ids; i++) {
		rc = prb_record(&prb, (prb.tail_id + i) & ID_MASK, t, err);
		if (rc < 0)
			return rc;
		if (rc == PRINTK_LOST)
			t->stats->lost++;
	}
	return 0;
}

int printk_places_prb(const struct vmcoreinfo *vi, const struct printk_io *io,
		      printk_place_fn place, void *ctx, struct err *err)
{
	struct prb prb;
	int rc = prb_open(&prb, vi, io, err);

	if (!rc)
		rc = printk_window_place(&prb.descs, place, ctx, err);
	if (!rc)
		rc = printk_window_place(&prb.infos, place, ctx, err);
	return rc ? rc : printk_window_place(&prb.data, place, ctx, err);
}
