// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * groundtruth: holds a dump against what the crashed machine itself wrote down of its pages
 * (tests/vm/guest/classes.c): each page must be there, or not, as the dump level says.
 *
 *     groundtruth LEVEL DUMP LIST [CLASS...]
 *
 * The list must have pages of every class; the few that not every machine can make only if they
 * are named as CLASS.
 *
 * Exit: 0 as it should be; 1 not; 2 not readable, or usage.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kdread.h"

#define NAME_MAX_ 32
#define LINE_MAX_ 128
#define SHOWN_MAX 8

enum { EXIT_RIGHT = 0, EXIT_WRONG = 1, EXIT_TROUBLE = 2 };

/* Dump level bits, by makedumpfile(8). */
enum { L_ZERO = 1, L_CACHE = 2, L_PRIVATE = 4, L_USER = 8, L_FREE = 16, L_EVERY = 32 };

/*
 * When a page of a class is left out, and how many in a thousand may have become another before
 * the crash. What the workload itself holds on to may not change at all.
 */
struct rule {
	const char *name;
	unsigned int excluded_by; /* any of these bits */
	unsigned int permille;
	bool optional; /* not every machine can make such pages */
};

static const struct rule rules[] = {
	{"anon", L_USER, 0, false},
	{"zero", L_USER, 0, false},
	{"thp", L_USER, 0, false},
	{"hugetlb", L_USER, 0, false},
	{"shmem", L_CACHE | L_PRIVATE, 0, false},
	{"cache", L_CACHE | L_PRIVATE, 0, false},
	{"cache_private", L_PRIVATE, 0, false},
	/* Pages that were used and freed since may wait on the list of a CPU, without a mark. */
	{"free", L_FREE, 50, false},
	{"slab", 0, 50, false},
	{"pgtable", 0, 50, false},
	{"reserved", 0, 0, false},
	/* The struct pages of a block that was taken offline say nothing of use: kept. */
	{"offlined", 0, 0, true},
	{"balloon", L_EVERY, 0, false},
	{"hwpoison", L_EVERY, 0, true},
};

#define NRULES (sizeof(rules) / sizeof(*rules))

struct count {
	uint64_t recorded, captured, present, wrong;
};

struct judge {
	struct kd kd;
	unsigned int level;
	struct count counts[NRULES];
	bool needed[NRULES]; /* classes that are not optional on this machine */
	uint64_t zero_at; /* where in the dump the first page of zeros is, 0 before that one */
};

static int trouble(const char *what, const char *why)
{
	fprintf(stderr, "groundtruth: %s: %s\n", what, why);
	return EXIT_TROUBLE;
}

/* Pages of zeros are one page of the file, all of them, when the level says so. */
static bool zero_is_right(struct judge *j, uint64_t pfn)
{
	struct kd_desc d = kd_desc_at(&j->kd, kd_index(&j->kd, pfn));

	if (!j->zero_at) {
		j->zero_at = d.offset;
		return true;
	}
	return (d.offset == j->zero_at) == !!(j->level & L_ZERO);
}

/* NRULES when there is none of that name. */
static size_t rule_of(const char *name)
{
	size_t rule = 0;

	while (rule < NRULES && strcmp(rules[rule].name, name) != 0)
		rule++;
	return rule;
}

static void judge_run(struct judge *j, size_t rule, uint64_t start, uint64_t count)
{
	struct count *c = &j->counts[rule];
	bool wanted = !(rules[rule].excluded_by & (j->level | L_EVERY));
	bool zero = strcmp(rules[rule].name, "zero") == 0;

	for (uint64_t pfn = start; pfn < start + count; pfn++) {
		bool present = kd_bit(&j->kd, j->kd.bitmap2, pfn);

		c->recorded++;
		/* Reserved are also holes, firmware, and the area of the capture kernel. */
		if (!kd_bit(&j->kd, j->kd.bitmap1, pfn)) {
			if (strcmp(rules[rule].name, "reserved") == 0)
				continue;
			c->wrong++;
			if (c->wrong <= SHOWN_MAX)
				printf("%s: pfn %" PRIu64 " is no memory\n", rules[rule].name, pfn);
			continue;
		}
		c->captured++;
		c->present += present;
		if (present == wanted && !(zero && present && !zero_is_right(j, pfn)))
			continue;
		c->wrong++;
		if (c->wrong <= SHOWN_MAX && !rules[rule].permille)
			printf("%s: pfn %" PRIu64 " is %s\n", rules[rule].name, pfn,
			       present == wanted ? "not stored as it should be"
			       : present	 ? "there"
						 : "not there");
	}
}

/* 0; or what main() is to end with. A list without its last line was cut short by the crash. */
static int judge_list(struct judge *j, const char *path)
{
	char line[LINE_MAX_], name[NAME_MAX_];
	uint64_t start, count;
	FILE *f = fopen(path, "re");
	bool whole = false;
	int rc = 0;

	if (!f)
		return trouble(path, strerror(errno));
	while (!rc && !whole && fgets(line, sizeof(line), f)) {
		size_t rule;

		if (strcmp(line, "end\n") == 0) {
			whole = true;
		} else if (sscanf(line, "%31s %" SCNu64 " %" SCNu64, name, &start, &count) != 3 ||
			   count > UINT64_MAX - start) {
			rc = trouble(path, "a line is not CLASS START COUNT");
		} else {
			rule = rule_of(name);
			if (rule == NRULES)
				rc = trouble(path, "a class is not known");
			else
				judge_run(j, rule, start, count);
		}
	}
	fclose(f);
	return rc || whole ? rc : trouble(path, "there is no last line");
}

static int tell(const struct judge *j)
{
	int rc = EXIT_RIGHT;

	for (size_t i = 0; i < NRULES; i++) {
		const struct count *c = &j->counts[i];
		const char *verdict = "ok";

		if (!c->recorded && rules[i].optional && !j->needed[i])
			continue;
		/* A list without a class would be right of anything. */
		if (!c->recorded || c->wrong * 1000 > c->recorded * rules[i].permille) {
			verdict = "WRONG";
			rc = EXIT_WRONG;
		} else if (c->wrong) {
			verdict = "changed since";
		}
		printf("%-14s recorded %" PRIu64 " present %" PRIu64 " wrong %" PRIu64 " %s\n",
		       rules[i].name, c->recorded, c->present, c->wrong, verdict);
	}
	return rc;
}

int main(int argc, char **argv)
{
	char why[KD_WHY_MAX];
	struct judge j = {0};
	char *end;
	int rc;

	if (argc < 4) {
		fputs("usage: groundtruth LEVEL DUMP LIST [CLASS...]\n", stderr);
		return EXIT_TROUBLE;
	}
	for (int i = 4; i < argc; i++) {
		size_t rule = rule_of(argv[i]);

		if (rule == NRULES)
			return trouble(argv[i], "not a class");
		j.needed[rule] = true;
	}
	j.level = (unsigned int)strtoul(argv[1], &end, 10);
	if (*end || end == argv[1] || j.level > 31)
		return trouble(argv[1], "not a dump level");
	if (kd_open(&j.kd, argv[2], why))
		return trouble(argv[2], why);
	rc = judge_list(&j, argv[3]);
	if (!rc)
		rc = tell(&j);
	kd_close(&j.kd);
	return rc;
}
