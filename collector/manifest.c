// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "collector/course.h"
#include "collector/lowwater.h"
#include "collector/plan.h"
#include "vmcore/codec.h"
#include "vmcore/kmem.h"
#include "vmcore/pageclass.h"

enum {
	MANIFEST_VERSION = 1,
	PROC_MAX = 64 << 10,
	ATTEMPT_REASON_MAX = 256, /* of the reason of one attempt among many */
};

const char *manifest_status_name(enum manifest_status status)
{
	switch (status) {
	case MANIFEST_FAILED:
		return "failed";
	case MANIFEST_DMESG:
		return "dmesg-only";
	case MANIFEST_MINI:
		return "mini-core";
	case MANIFEST_INCOMPLETE:
		return "incomplete";
	case MANIFEST_COMPLETE:
		return "complete";
	}
	return "?";
}

const char *manifest_stage_name(enum manifest_stage stage)
{
	static const char *const names[STAGES] = {
		[STAGE_OPEN] = "open",	 [STAGE_TARGET] = "target", [STAGE_RECORD] = "record",
		[STAGE_DMESG] = "dmesg", [STAGE_MINI] = "mini",	    [STAGE_PLAN] = "plan",
		[STAGE_PAGES] = "pages", [STAGE_COMMIT] = "commit",
	};

	return stage < STAGES ? names[stage] : "?";
}

const char *manifest_tier_name(enum tier tier)
{
	static const char *const names[TIERS] = {
		[TIER_RECORD] = "record",
		[TIER_DMESG] = "dmesg",
		[TIER_MINI] = "mini",
		[TIER_DUMP] = "dump",
	};

	return tier < TIERS ? names[tier] : "?";
}

const char *manifest_tier_state_name(enum tier_state state)
{
	switch (state) {
	case TIER_NONE:
		return "none";
	case TIER_BEGUN:
		return "begun";
	case TIER_FAILED:
		return "failed";
	case TIER_INCOMPLETE:
		return "incomplete";
	case TIER_COMMITTED:
		return "committed";
	case TIER_REMOVED:
		return "removed";
	}
	return "?";
}

/* "Name:   123 kB" of a file of /proc; 0 when it is not there. */
static uint64_t proc_kib(const char *path, const char *name)
{
	CLEANUP_FREE char *text = NULL;
	const char *p;

	if (io_read_file(path, PROC_MAX, &text, NULL, NULL))
		return 0;
	p = strstr(text, name);
	return p ? strtoull(p + strlen(name), NULL, 10) : 0;
}

uint64_t manifest_peak_kib(void)
{
	return proc_kib("/proc/self/status", "VmHWM:");
}

static void utc(struct json *j, const char *key, uint64_t seconds)
{
	time_t t = seconds;
	struct tm tm;
	char text[32];

	if (seconds && gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		json_string(j, key, text);
}

/* The value of a word that `lifeboat load` put on the command line of the capture kernel. */
static bool find_word(const char *word, const char *format, char *ret)
{
	CLEANUP_FREE char *text = NULL;
	const char *p;

	if (io_read_file("/proc/cmdline", PROC_MAX, &text, NULL, NULL))
		return false;
	p = strstr(text, word);
	return p && sscanf(p + strlen(word), format, ret) == 1;
}

/* Of the boot that died; nothing elsewhere. */
static void put_boot_id(struct json *j)
{
	char id[40];

	if (find_word("lifeboat.boot_id=", "%36[0-9a-f-]", id))
		json_string(j, "boot_id", id);
}

/* Which kernel and initrd these are, as `lifeboat load` told them. */
static void put_images(struct json *j)
{
	char images[24];

	if (find_word("lifeboat.images=", "%23[0-9a-f-]", images))
		json_string(j, "images", images);
}

static void put_crash(struct json *j, const struct manifest *m)
{
	static const char *const sources[] = {
		[KMEM_FROM_NOTE] = "note",
		[KMEM_FROM_SCAN] = "memory scan",
	};

	json_object(j, "crash");
	if (m->km) {
		json_string(j, "release", m->km->uts.release);
		json_string(j, "version", m->km->uts.version);
		json_string(j, "nodename", m->km->uts.nodename);
		json_string(j, "machine", m->km->uts.machine);
		json_u64(j, "cpus", m->km->ncpus);
		json_u64(j, "time", m->km->crashtime);
		utc(j, "time_utc", m->km->crashtime);
		json_string(j, "vmcoreinfo", m->km->vi ? sources[m->km->source] : "none");
	}
	json_string(j, "panic", m->panic);
	put_boot_id(j);
	json_object_end(j);
}

static void put_dump(struct json *j, const struct manifest *m)
{
	json_object(j, "dump");
	json_string(j, "file", m->file ? m->file : "");
	json_string(j, "format", m->format ? m->format : "");
	json_u64(j, "bytes", m->result.size);
	json_string(j, "codec", ladder_said(&m->ladder));
	json_u64(j, "level", m->plan->level);
	json_u64(j, "effective_level", m->plan->effective_level);
	json_u64(j, "page_size", m->plan->page_size);
	json_u64(j, "max_pfn", m->plan->max_pfn);
	json_string(j, "memory_model", m->plan->model);
	json_object_end(j);

	if (!m->result.has_digests)
		return;
	json_object(j, "digest");
	json_string(j, "algorithm", "xxh64");
	json_u64(j, "index_offset", m->result.index_offset);
	json_u64(j, "index_bytes", m->result.index_size);
	json_hex64(j, "index", m->result.index_digest);
	json_u64(j, "data_offset", m->result.data_offset);
	json_u64(j, "data_bytes", m->result.data_size);
	json_hex64(j, "data", m->result.data_digest);
	json_object_end(j);
}

static void put_pages(struct json *j, const struct manifest *m)
{
	json_object(j, "pages");
	json_u64(j, "memory", m->plan->ram_pages);
	json_u64(j, "kept", m->plan->kept_pages);
	json_u64(j, "absent", m->plan->absent_pages);
	json_u64(j, "written", m->pages.pages);
	json_u64(j, "zero", m->pages.zero_pages);
	json_u64(j, "stored_raw", m->pages.raw_pages);
	json_object(j, "packed");
	for (unsigned int i = 0; i < m->ladder.n; i++) {
		char name[LADDER_NAME_MAX];

		if (m->ladder.rungs[i].codec->flag == CODEC_FLAG_NONE)
			continue;
		ladder_name(&m->ladder.rungs[i], name);
		json_u64(j, name, m->pages.rung_pages[i]);
	}
	json_object_end(j);
	json_u64(j, "struct_page_unreadable", m->plan->counts.unreadable);
	json_u64(j, "image_protected", m->plan->image_pages);
	json_u64(j, "sections_unreadable", m->plan->bad_sections);
	json_object(j, "excluded");
	for (int c = PAGE_KEPT + 1; c < PAGE_CLASSES; c++)
		json_u64(j, page_class_name(c), m->plan->counts.excluded[c]);
	if (m->plan->zero_pages)
		json_u64(j, "zero", m->plan->zero_pages);
	json_object_end(j);
	json_u64(j, "filled", m->plan->filled_pages);
	json_object_end(j);
}

static void put_seconds(struct json *j, const struct manifest *m)
{
	json_object(j, "seconds");
	for (int s = 0; s < STAGES; s++)
		json_ms(j, manifest_stage_name(s), m->stage_ms[s]);
	json_ms(j, "total", m->total_ms);
	if (m->km && m->km->crashtime && m->commit_time >= m->km->crashtime)
		json_u64(j, "panic_to_commit", m->commit_time - m->km->crashtime);
	json_object_end(j);
}

static void put_capture(struct json *j, const struct manifest *m)
{
	struct utsname un;

	json_object(j, "capture");
	if (!uname(&un))
		json_string(j, "kernel", un.release);
	json_u64(j, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	json_u64(j, "workers", m->pages.workers);
	json_u64(j, "peak_memory_kib", manifest_peak_kib());
	json_u64(j, "memory_total_kib", proc_kib("/proc/meminfo", "MemTotal:"));
	json_u64(j, "memory_available_kib", proc_kib("/proc/meminfo", "MemAvailable:"));
	put_images(j);
	json_u64(j, "memory_ram_kib", lowwater_ram_kib());
	json_u64(j, "memory_low_kib", m->low_kib);
	json_u64(j, "budget_kib", m->budget_kib);
	json_u64(j, "read_errors", m->read_errors);
	utc(j, "commit_time_utc", m->commit_time);
	json_object_end(j);
}

size_t manifest_body(const struct manifest *m, char *buf, size_t room)
{
	struct json j;

	json_init(&j, buf, room);
	json_object(&j, NULL);
	put_crash(&j, m);
	if (m->plan) {
		put_dump(&j, m);
		put_pages(&j, m);
	}
	json_object(&j, "log");
	json_string(&j, "file", "vmcore-dmesg.txt");
	json_u64(&j, "bytes", m->dmesg.bytes);
	json_u64(&j, "records", m->dmesg.records);
	json_u64(&j, "lost", m->dmesg.lost);
	json_object_end(&j);
	put_seconds(&j, m);
	put_capture(&j, m);
	json_array(&j, "notes");
	for (size_t i = 0; m->plan && i < m->plan->nnotes; i++)
		json_string(&j, NULL, m->plan->notes[i]);
	json_array_end(&j);
	json_object_end(&j);
	return j.overflow ? 0 : j.used;
}

static void put_tiers(struct json *j, const enum tier_state *tiers)
{
	json_object(j, "tiers");
	for (int t = 0; t < TIERS; t++)
		json_string(j, manifest_tier_name(t), manifest_tier_state_name(tiers[t]));
	json_object_end(j);
}

static void put_attempt(struct json *j, const struct attempt *a)
{
	char reason[ATTEMPT_REASON_MAX];

	snprintf(reason, sizeof(reason), "%.*s", ATTEMPT_REASON_MAX - 1, a->reason);
	json_object(j, NULL);
	json_string(j, "target", a->name);
	json_string(j, "directory", a->dir);
	json_string(j, "what", course_rung_name(a->rung));
	json_string(j, "outcome", outcome_name(a->outcome));
	json_string(j, "status", manifest_status_name(a->status));
	json_string(j, "stage", manifest_stage_name(a->stage));
	json_string(j, "reason", reason);
	json_ms(j, "seconds", a->ms);
	json_u64(j, "bytes", a->bytes);
	json_object_end(j);
}

size_t manifest_text(const struct manifest_head *h, const char *body, char *buf, size_t room)
{
	struct json j;

	json_init(&j, buf, room);
	json_object(&j, NULL);
	json_u64(&j, "manifest_version", MANIFEST_VERSION);
	json_string(&j, "tool", "lifeboat-collect " LIFEBOAT_VERSION);
	json_string(&j, "status", manifest_status_name(h->status));
	json_string(&j, "reason", h->reason);
	put_tiers(&j, h->tiers);
	json_array(&j, "attempts");
	for (size_t i = 0; i < h->nattempts; i++)
		put_attempt(&j, &h->attempts[i]);
	json_array_end(&j);
	json_members(&j, body);
	json_object_end(&j);
	return j.overflow ? 0 : j.used;
}
