// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks of what the running kernel was told: what leads to a dump, and whether anything may be
 * loaded again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "loader/checkup.h"
#include "loader/command.h"

#define SYSCTL "/proc/sys/kernel/"

enum {
	WORDS_MAX = 320,
	SYSRQ_DUMP = 8, /* SYSRQ_ENABLE_DUMP, include/linux/sysrq.h: of them is 'c' */
	EFIVAR_SIZE = 5, /* attributes, and a byte */
};

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

/*
 * Events that are a panic where the administrator wants it so (Documentation/admin-guide/
 * sysctl/kernel.rst). A kernel without the file does not have the event.
 */
static const struct trigger {
	const char *file, *event;
	/* What finds the event, and is off at 0 (lockup-watchdogs.rst); NULL. */
	const char *switches[2];
} triggers[] = {
	{"panic_on_oops", "an oops", {NULL}},
	{"hung_task_panic", "a task that hangs", {"hung_task_timeout_secs", NULL}},
	{"softlockup_panic", "a soft lockup", {"watchdog", "soft_watchdog"}},
	{"hardlockup_panic", "a hard lockup", {"watchdog", "nmi_watchdog"}},
	{"panic_on_rcu_stall", "an RCU stall", {NULL}},
	{"unknown_nmi_panic", "an unknown NMI", {NULL}},
	{"panic_on_unrecovered_nmi", "an NMI of broken hardware", {NULL}},
	{"panic_on_io_nmi", "an I/O NMI", {NULL}},
	{"panic_on_warn", "a kernel warning", {NULL}},
};

static void add_word(char *words, const char *word)
{
	size_t used = strlen(words);

	snprintf(words + used, WORDS_MAX - used, "%s%s", used ? ", " : "", word);
}

/* What finds the event and is switched off; NULL. One that is not there is not known to be off. */
static const char *switched_off(const struct checkup *c, const struct trigger *t)
{
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(t->switches) && t->switches[i]; i++) {
		snprintf(path, sizeof(path), SYSCTL "%s", t->switches[i]);
		if (facts_number(c->ctx->root, path) == 0)
			return t->switches[i];
	}
	return NULL;
}

/* What each event leads to. */
struct leads {
	char dump[WORDS_MAX], none[WORDS_MAX];
	char off[WORDS_MAX]; /* wanted to be a panic, but never found */
};

static void sort_triggers(const struct checkup *c, struct leads *l)
{
	char path[64], words[96];
	int64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++) {
		const char *off = switched_off(c, &triggers[i]);

		snprintf(path, sizeof(path), SYSCTL "%s", triggers[i].file);
		v = facts_number(c->ctx->root, path);
		snprintf(words, sizeof(words), "%s (%s is 0)", triggers[i].event, off ? off : "");
		if (v > 0 && off)
			add_word(l->off, words);
		else if (v >= 0)
			add_word(v ? l->dump : l->none, triggers[i].event);
	}
	v = facts_number(c->ctx->root, SYSCTL "sysrq");
	if (v >= 0)
		add_word(v == 1 || v & SYSRQ_DUMP ? l->dump : l->none, "SysRq c at the keyboard");
}

/* Notifiers that run before the capture kernel may hang: kernel-parameters.txt. */
static bool notifiers_first(const struct checkup *c)
{
	CLEANUP_FREE char *text = NULL;
	char path[FACTS_PATH_MAX];

	return !facts_path(path, sizeof(path), c->ctx->root,
			   "/sys/module/kernel/parameters/crash_kexec_post_notifiers", NULL) &&
	       !io_read_file(path, 16, &text, NULL, NULL) && text[0] == 'Y';
}

void check_triggers(struct checkup *c)
{
	int64_t oops = facts_number(c->ctx->root, SYSCTL "panic_on_oops");
	struct leads l = {.dump = ""};
	const char *dump = l.dump, *none = l.none;

	sort_triggers(c, &l);
	if (oops < 0)
		check_warn(c, NULL,
			   "what an oops leads to cannot be read in " SYSCTL "panic_on_oops");
	else if (!oops)
		check_warn(c,
			   "run `sysctl kernel.panic_on_oops=1`, and put that into /etc/sysctl.d",
			   "no dump, and the machine goes on: %s; a panic%s%s leads to a dump",
			   none, dump[0] ? ", " : "", dump);
	else if (notifiers_first(c))
		check_warn(
			c, "boot without crash_kexec_post_notifiers",
			"panic notifiers run before the capture kernel: one that hangs costs the dump");
	else if (l.off[0])
		check_warn(c, "switch on by sysctl what finds it, and put that into /etc/sysctl.d",
			   "it is to be a panic, but is never found: no dump of %s", l.off);
	else
		check_ok(c, "a panic, %s: a dump%s%s%s", dump, none[0] ? "; " : "", none,
			 none[0] ? ": none" : "");
}

/* "Secure Boot on", off, or that there is none. */
static const char *secure_boot(const struct checkup *c)
{
	CLEANUP_FREE char *data = NULL;
	char path[FACTS_PATH_MAX];
	size_t size = 0;

	if (facts_path(path, sizeof(path), c->ctx->root, SECURE_BOOT, NULL) ||
	    io_read_file(path, 64, &data, &size, NULL) || size != EFIVAR_SIZE)
		return "no Secure Boot";
	return data[EFIVAR_SIZE - 1] ? "Secure Boot on" : "Secure Boot off";
}

void check_reload(struct checkup *c)
{
	const struct facts *f = &c->plan->facts;
	const struct config *conf = &c->plan->config;
	bool locked = f->lockdown[0] && strcmp(f->lockdown, "none") != 0;
	const char *loaded = f->crash_loaded == 1 ? "what is loaded stays" : "nothing is loaded";

	if (c->facts_err.code)
		check_fail(c, NULL, "%s", c->facts_err.msg);
	else if (!f->may_load)
		check_fail(c, "run it as root", "this process may load nothing (CAP_SYS_BOOT)");
	else if (f->load_disabled < 0)
		check_warn(c, NULL,
			   "whether anything may be loaded cannot be read in " LOAD_DISABLED_FILE);
	else if (f->load_disabled && f->crash_loaded == 1 && conf->lock_after_load)
		check_ok(c, "locked until the next boot, as lock_after_load wants it");
	else if (f->load_disabled)
		check_fail(c, "reboot", "kernel.kexec_load_disabled is 1: until the next boot %s",
			   loaded);
	else if (conf->lock_after_load && f->crash_loaded == 1)
		check_fail(
			c, "run `lifeboat reload`",
			"lock_after_load is set, and the kernel still lets another one be loaded");
	else if (!f->load_limit)
		check_fail(c, "reboot",
			   "kernel.kexec_load_limit_panic is used up: until the next boot %s",
			   loaded);
	else if (locked && conf->load_with == CONFIG_CALL_SEGMENTS)
		check_fail(c, "use 'load_with auto' with a signed kernel",
			   "the kernel is locked down (%s) and takes nothing by kexec_load",
			   f->lockdown);
	else
		check_ok(c, "the kernel can be loaded anew%s%s%s; %s",
			 locked ? ", if it is signed: lockdown is " : "; lockdown is ",
			 f->lockdown[0] ? f->lockdown : "not built in",
			 f->load_limit > 0 ? ", loads are limited" : "", secure_boot(c));
}
