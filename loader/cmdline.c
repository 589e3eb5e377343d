// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/cmdline.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

enum {
	/* "elfcorehdr=0x..." and a space that kexec_file_load(2) puts in front (x86, bzImage64). */
	ELFCOREHDR_MAX = 30,
	CPU_WORDS_MAX = 128, /* nr_cpus= and its like, of ours */
};

static const struct cmdline_arch archs[] = {
	{
		.machine = "x86_64",
		.add = "irqpoll reset_devices cgroup_disable=memory mce=off numa=off "
		       "panic=10 acpi_no_memhotplug transparent_hugepage=never nokaslr hest_disable "
		       "cma=0 hugetlb_cma=0 pcie_ports=compat novmcoredd kfence.sample_interval=0 "
		       "initramfs_options=size=90% "
		       // A disk without memory of its own asks for up to 128 MiB of ours.
		       "nvme.max_host_mem_size_mb=0 "
		       // No files of events to trace, which take 9 MiB. Ended by the name of a function,
		       // which a kernel without tracing does not have.
		       "initcall_blacklist=tracer_init_tracefs",
		// The boot protocol's cmdline_size does not count the zero, the loader's check does.
		.max = CMDLINE_MAX - 1 - ELFCOREHDR_MAX,
		.spares_boot_cpu = true,
	},
};

/*
 * Names that are never taken over: memory that the capture kernel does not have, the boot
 * loader's own words, silence, what would run another program than our /init or panic again,
 * and what is said of CPUs, which would keep the collector off them.
 */
static const char strip[] =
	"crashkernel hugepages hugepagesz default_hugepagesz slub_debug slab_debug quiet "
	"log_buf_len swiotlb cma hugetlb_cma BOOT_IMAGE initrd rdinit "
	"panic_on_warn nr_cpus maxcpus possible_cpus nosmp isolcpus nohz_full "
	"rcu_nocbs irqaffinity disable_cpu_apicid lifeboat.cpus";

/* By which a user says it. */
static const char cpu_names[] = "nr_cpus maxcpus possible_cpus nosmp";

struct word {
	const char *s;
	size_t len;
	const char *name; /* behind the quote of a word that is quoted as a whole */
	size_t name_len; /* up to the '=' or the closing quote */
};

const struct cmdline_arch *cmdline_arch(const char *machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		if (strcmp(archs[i].machine, machine) == 0)
			return &archs[i];
	}
	return NULL;
}

/* The next word of *@text, which goes on behind it; false at the end. */
static bool next_word(const char **text, struct word *w)
{
	const char *s = *text;
	bool quoted = false;

	while (isspace((unsigned char)*s))
		s++;
	// As the kernel has it: "name=a b" and name="a b" are the same (lib/cmdline.c, next_arg()).
	*w = (struct word){.s = s, .name = s + (*s == '"')};
	for (; *s && (quoted || !isspace((unsigned char)*s)); s++) {
		if (*s == '"')
			quoted = !quoted;
		if (*s == '=' && !w->name_len && s > w->name)
			w->name_len = s - w->name;
	}
	w->len = s - w->s;
	if (!w->name_len && w->len) {
		w->name_len = s - w->name;
		if (w->name != w->s && w->name_len && w->name[w->name_len - 1] == '"')
			w->name_len--;
	}
	*text = s;
	return w->len != 0;
}

static bool same_name(const struct word *a, const struct word *b)
{
	if (a->name_len != b->name_len)
		return false;
	for (size_t i = 0; i < a->name_len; i++) {
		char x = a->name[i] == '-' ? '_' : a->name[i];
		char y = b->name[i] == '-' ? '_' : b->name[i];

		if (x != y)
			return false;
	}
	return true;
}

/* Does @list hold the name of @w, or the very word, where it says "name=value"? */
static bool listed(const char *list, const struct word *w, bool names_only)
{
	struct word item;

	while (next_word(&list, &item)) {
		if (!same_name(&item, w))
			continue;
		if (names_only || !memchr(item.s, '=', item.len))
			return true;
		if (item.len == w->len && memcmp(item.s, w->s, w->len) == 0)
			return true;
	}
	return false;
}

static void add_word(char *buf, size_t *used, const struct word *w)
{
	int n;

	if (*used >= CMDLINE_MAX)
		return;
	n = snprintf(buf + *used, CMDLINE_MAX - *used, "%s%.*s", *used ? " " : "", (int)w->len,
		     w->s);
	*used += n;
}

static void add_running(const struct cmdline_parts *p, char *buf, size_t *used)
{
	const char *text = p->running;
	struct word w;

	while (next_word(&text, &w)) {
		// What follows is for init, and ours must not be.
		if (w.len == 2 && memcmp(w.s, "--", 2) == 0)
			return;
		if (!listed(strip, &w, true) && !listed(p->arch->add, &w, true) &&
		    !listed(p->remove, &w, false))
			add_word(buf, used, &w);
	}
}

/* The words of @text. */
static void add_proven(const struct cmdline_parts *p, const char *text, char *buf, size_t *used)
{
	struct word w;

	while (next_word(&text, &w)) {
		if (!listed(p->remove, &w, false))
			add_word(buf, used, &w);
	}
}

/* Does @text hold one of the cpu_names? */
static bool names_cpus(const char *text)
{
	struct word w;

	while (next_word(&text, &w)) {
		if (listed(cpu_names, &w, true))
			return true;
	}
	return false;
}

bool cmdline_says_cpus(const struct cmdline_parts *p)
{
	return p->whole[0] || names_cpus(p->append) || names_cpus(p->remove);
}

static void add_cpus(const struct cmdline_parts *p, char *buf, size_t *used)
{
	char words[CPU_WORDS_MAX] = "";
	size_t n = 0;

	if (p->cpus)
		n += snprintf(words, sizeof(words), "nr_cpus=%u ", p->cpus);
	if (p->cpus > 1)
		n += snprintf(words + n, sizeof(words) - n, "maxcpus=1 lifeboat.cpus=%u ", p->cpus);
	if (p->cpus != 1 && p->arch->spares_boot_cpu && p->boot_apicid >= 0)
		snprintf(words + n, sizeof(words) - n, "disable_cpu_apicid=%" PRId64,
			 p->boot_apicid);
	add_proven(p, words, buf, used);
}

/* A word for the collector. */
static void add_ours(const char *name, const char *value, char *buf, size_t *used)
{
	char word[64];
	int n;

	if (!value || !value[0])
		return;
	n = snprintf(word, sizeof(word), "%s%.40s", name, value);
	add_word(buf, used, &(struct word){.s = word, .len = n});
}

int cmdline_build(const struct cmdline_parts *p, char *buf, struct err *err)
{
	const char *text = p->append;
	size_t used = 0;
	struct word w;

	buf[0] = '\0';
	if (p->whole[0]) {
		add_word(buf, &used, &(struct word){.s = p->whole, .len = strlen(p->whole)});
	} else {
		add_running(p, buf, &used);
		add_cpus(p, buf, &used);
		add_proven(p, p->arch->add, buf, &used);
	}
	add_ours(CMDLINE_BOOT_ID, p->boot_id, buf, &used);
	add_ours(CMDLINE_IMAGES, p->images, buf, &used);
	while (next_word(&text, &w))
		add_word(buf, &used, &w);
	if (used + 1 > p->arch->max)
		return err_set(
			err, ERR_LIMIT,
			"the command line of the capture kernel is longer than the %zu bytes "
			"it may have; take words out with cmdline_remove, or give a shorter "
			"one with cmdline",
			p->arch->max - 1);
	return 0;
}
