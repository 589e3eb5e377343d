// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/peerconf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/number.h"
#include "loader/cmdline.h"
#include "vmcore/config.h"

struct setting;
typedef void take_fn(struct peerconf *p, const struct setting *s, char *value);

/* What stands in a file, and what becomes of it. */
struct setting {
	const char *name;
	take_fn *take;
	const char *arg; /* a key of ours, or why it is left */
};

/* One line of lifeboat.conf. */
static void __attribute__((format(printf, 2, 3))) put(struct peerconf *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(p->conf, fmt, ap);
	va_end(ap);
	fputc('\n', p->conf);
	p->taken++;
}

static void __attribute__((format(printf, 3, 4)))
leave(struct peerconf *p, const struct setting *s, const char *fmt, ...)
{
	va_list ap;

	fprintf(p->notes, "%s:%u: %s: ", p->name, p->line, s->name);
	va_start(ap, fmt);
	vfprintf(p->notes, fmt, ap);
	va_end(ap);
	fputc('\n', p->notes);
	p->left++;
}

/* ---- what becomes of values ---- */

static void as_key(struct peerconf *p, const struct setting *s, char *value)
{
	put(p, "%s %s", s->arg, value);
}

static void is_left(struct peerconf *p, const struct setting *s, char *value)
{
	(void)value;
	leave(p, s, "%s", s->arg);
}

/* Here it is so in any case. */
static void is_so(struct peerconf *p, const struct setting *s, char *value)
{
	(void)s, (void)value;
	p->taken++;
}

/* As is_left(), but for "no" and "0", which ask for nothing. */
static void left_if_set(struct peerconf *p, const struct setting *s, char *value)
{
	if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		is_so(p, s, value);
	else
		is_left(p, s, value);
}

/* @arg is "VALUE: why": what the value should be for it to be so here. */
static void left_unless(struct peerconf *p, const struct setting *s, char *value)
{
	size_t len = strcspn(s->arg, ":");

	if (strlen(value) == len && memcmp(value, s->arg, len) == 0)
		is_so(p, s, value);
	else
		leave(p, s, "'%s'%s", value, s->arg + len);
}

static void first_target(struct peerconf *p, const char *kind, const char *where, const char *path)
{
	if (!p->targets++)
		put(p, "%s %s\npath %s", kind, where, path);
	else
		put(p, "fallback %s %s path=%s", kind, where, path);
}

static void as_absolute(struct peerconf *p, const struct setting *s, char *value)
{
	if (value[0] == '/' && !strpbrk(value, " \t"))
		as_key(p, s, value);
	else
		leave(p, s, "'%s' is no absolute path of a file: put it into %s yourself", value,
		      s->arg);
}

/* Kept until all is known. */
#define KEEP(function, member)                                                         \
	static void function(struct peerconf *p, const struct setting *s, char *value) \
	{                                                                              \
		(void)s;                                                               \
		snprintf(p->member, sizeof(p->member), "%s", value);                   \
	}

KEEP(as_level, level)
KEEP(as_format, format)
KEEP(as_options, options)
KEEP(as_coredir, coredir)
KEEP(as_ssh, ssh)
KEEP(as_nfs, nfs)

/* Names of kdump-tools' own links; ours are found by the running kernel's release. */
static void as_file(struct peerconf *p, const struct setting *s, char *value)
{
	if (strncmp(value, "/var/lib/kdump/", 15) == 0)
		leave(p, s,
		      "%s is made by kdump-tools; without the key %s, that of the running kernel is "
		      "taken, see lifeboat-mkinitrd(8)",
		      value, s->arg);
	else
		as_absolute(p, s, value);
}

/* Options of kexec(8): which call it is; all else is the loader's own affair. */
static void as_call(struct peerconf *p, const struct setting *s, char *value)
{
	char *save = NULL;

	for (char *w = strtok_r(value, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (strcmp(w, "-s") == 0 || strcmp(w, "--kexec-file-syscall") == 0)
			put(p, "load_with kexec_file_load");
		else if (strcmp(w, "-c") == 0 || strcmp(w, "--kexec-syscall") == 0)
			put(p, "load_with kexec_load");
		else if (strcmp(w, "-a") != 0 && strcmp(w, "--kexec-syscall-auto") != 0)
			leave(p, s, "kexec is not used, so that there is no place for %s", w);
	}
}

/* Is it one of those that lifeboat adds itself? */
static bool is_proven(const char *word)
{
	const struct cmdline_arch *arch = cmdline_arch("x86_64");
	size_t len = strlen(word);

	for (const char *w = arch ? arch->add : ""; *w;) {
		size_t n = strcspn(w, " ");

		if (n == len && memcmp(w, word, n) == 0)
			return true;
		w += n + (w[n] == ' ');
	}
	return false;
}

/* Without those that are added in any case, or that mean a unit of another service. */
static void as_words(struct peerconf *p, const struct setting *s, char *value)
{
	char line[PEERCONF_VALUE_MAX] = "", *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(value, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (strncmp(w, "systemd.unit=kdump", 18) == 0)
			leave(p, s, "%s: the capture runs without systemd", w);
		else if (strcmp(w, "nr_cpus=1") == 0 || strcmp(w, "maxcpus=1") == 0)
			leave(p, s,
			      "%s: as many CPUs are taken as pay; for one alone: capture_cpus 1",
			      w);
		else if (!is_proven(w))
			n += snprintf(line + n, sizeof(line) - n, "%s%s", n ? " " : "", w);
	}
	if (n)
		put(p, "%s %s", s->arg, line);
}

/* ---- of kdump-tools ---- */

static void as_switch(struct peerconf *p, const struct setting *s, char *value)
{
	if (strcmp(value, "1") == 0)
		is_so(p, s, value);
	else
		leave(p, s, "it is switched off there; `lifeboat load` is what arms this machine");
}

static void as_fail_cmd(struct peerconf *p, const struct setting *s, char *value)
{
	size_t len = strcspn(value, " \t");

	if (strncmp(value, "reboot", len) == 0 || strncmp(value, "halt", len) == 0 ||
	    strncmp(value, "poweroff", len) == 0)
		put(p, "failure_action %.*s", (int)len, value);
	else
		leave(p, s, "'%s': write a program, and name it with kdump_emergency", value);
}

/* ---- of SUSE ---- */

/* "ssh://user:password@host:port/path": what of it is a target. */
static void as_ssh_url(struct peerconf *p, const struct setting *s, const char *url)
{
	char where[PEERCONF_VALUE_MAX], *at, *colon;
	size_t len = strcspn(url, "/");

	snprintf(where, sizeof(where), "%.*s", (int)len, url);
	at = strrchr(where, '@');
	colon = at ? memchr(where, ':', at - where) : NULL;
	if (colon) {
		leave(p, s,
		      "a password is of no use: run `lifeboat propagate`, which sets up a key");
		memmove(colon, at, strlen(at) + 1);
	}
	if (at)
		first_target(p, "ssh", where, url[len] ? url + len : "/var/crash");
	else
		leave(p, s, "ssh://%s names no user: write 'ssh user@host'", where);
}

static void as_url(struct peerconf *p, const struct setting *s, const char *url)
{
	const char *rest = strstr(url, "://");
	const char *slash;

	if (url[0] == '/' || strncmp(url, "file://", 7) == 0) {
		rest = url[0] == '/' ? url : url + 7;
		if (!p->targets++)
			put(p, "path %s", rest);
		else
			leave(p, s,
			      "%s is a further directory: name its file system in a line 'fallback'",
			      rest);
	} else if (strncmp(url, "ssh://", 6) == 0) {
		as_ssh_url(p, s, url + 6);
	} else if (strncmp(url, "nfs://", 6) == 0 && (slash = strchr(url + 6, '/'))) {
		char where[PEERCONF_VALUE_MAX];

		snprintf(where, sizeof(where), "%.*s:%s", (int)(slash - url - 6), url + 6, slash);
		first_target(p, "nfs", where, "/");
	} else {
		leave(p, s,
		      "%.*s is no kind of target here; of a server with sftp, 'ssh user@host' may do",
		      rest ? (int)(rest - url) : 16, url);
	}
}

static void as_urls(struct peerconf *p, const struct setting *s, char *value)
{
	char *save = NULL;

	for (char *w = strtok_r(value, " \t", &save); w; w = strtok_r(NULL, " \t", &save))
		as_url(p, s, w);
}

static void as_keep(struct peerconf *p, const struct setting *s, char *value)
{
	unsigned int n;

	if (number_read(value, 1000000, &n))
		put(p, "keep_dumps %u", n);
	else
		leave(p, s, "'%s': older dumps are removed only for a newer one; see keep_dumps",
		      value);
}

static void as_free(struct peerconf *p, const struct setting *s, char *value)
{
	unsigned int n;

	if (number_read(value, 100000000, &n))
		put(p, "min_free %uM", n);
	else
		leave(p, s, "'%s' is no number of MB", value);
}

static void as_cpus(struct peerconf *p, const struct setting *s, char *value)
{
	unsigned int n = 0;

	// 32, the default there, is what is taken here at most.
	if (number_read(value, 8192, &n) && n && n != 32)
		put(p, "capture_cpus %u", n);
	else
		is_so(p, s, value);
}

static void as_reboot(struct peerconf *p, const struct setting *s, char *value)
{
	if (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0)
		put(p, "final_action reboot");
	else
		leave(p, s,
		      "'%s': a shell is left open only after a failure, with failure_action shell; "
		      "final_action may be reboot, halt or poweroff",
		      value);
}

static void as_go_on(struct peerconf *p, const struct setting *s, char *value)
{
	(void)s;
	put(p, "failure_action %s",
	    strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 ? "reboot" : "shell");
}

static void as_host_key(struct peerconf *p, const struct setting *s, char *value)
{
	if (strcmp(value, "*") == 0)
		leave(p, s,
		      "no machine is spoken to whose key is not known: run `lifeboat propagate`");
	else
		leave(p, s, "run `lifeboat propagate`, and compare with what it shows");
}

static void as_identity(struct peerconf *p, const struct setting *s, char *value)
{
	value[strcspn(value, " \t")] = '\0';
	as_absolute(p, s, value);
}

static void as_network(struct peerconf *p, const struct setting *s, char *value)
{
	if (strcmp(value, "auto") == 0)
		is_so(p, s, value);
	else
		leave(p, s,
		      "'%s': the network is set up as it is now (network auto), or as a hook does it: "
		      "docs/network.md",
		      value);
}

static void as_version(struct peerconf *p, const struct setting *s, char *value)
{
	(void)s;
	put(p, "kernel /boot/vmlinuz-%s", value);
}

#define NO_FTP	  "there is no target of ftp; 'ssh user@host' or 'nfs host:/export' may do"
#define LIMITS	  "lifeboat has limits of its own: see target_limit, stall_time and network_timeout"
#define RESERVED  "crashkernel= is not set by this: see lifeboat(8)"
#define NO_FADUMP "firmware-assisted dumps are not known to this version"
#define LOGGED	  "everything is logged"
#define NOTIFY	  "no mail is sent: a program named with notify may, at the next boot"

/* All that the three have; of one that is empty nothing becomes. */
static const struct setting settings[] = {
	// kdump-tools
	{"USE_KDUMP", as_switch, NULL},
	{"KDUMP_KERNEL", as_file, "kernel"},
	{"KDUMP_INITRD", as_file, "initrd"},
	{"KDUMP_COREDIR", as_coredir, NULL},
	{"KDUMP_FAIL_CMD", as_fail_cmd, NULL},
	{"KDUMP_DUMP_DMESG", is_so, NULL},
	{"KDUMP_NUM_DUMPS", as_keep, NULL},
	{"KDUMP_COMPRESSION", is_left,
	 "a dump is packed page by page in any case: see core_collector"},
	{"KDUMP_SYSCTL", is_left, "put it into a file of /etc/sysctl.d"},
	{"MAKEDUMP_ARGS", as_options, NULL},
	{"KDUMP_KEXEC_ARGS", as_call, NULL},
	{"KDUMP_CMDLINE", as_key, "cmdline"},
	{"KDUMP_CMDLINE_APPEND", as_words, "cmdline_append"},
	{"DEBUG_KERNEL", is_so, NULL},
	{"HOSTTAG", is_left, "the address of this machine is in the names of directories"},
	{"NFS", as_nfs, NULL},
	{"NFS_TIMEO", is_left, LIMITS},
	{"NFS_RETRANS", is_left, LIMITS},
	{"NFS_MOUNT_RETRY", is_left, LIMITS},
	{"SSH", as_ssh, NULL},
	{"SSH_KEY", as_absolute, "sshkey"},
	{"SSH_KDUMP_RETRIES", is_left, LIMITS},
	{"SSH_KDUMP_INTERVAL", is_left, LIMITS},
	{"FTP", is_left, NO_FTP},
	{"FTP_USER", is_left, NO_FTP},
	{"FTP_PASSWORD", is_left, NO_FTP},
	{"FTP_PORT", is_left, NO_FTP},
	// sysconfig of SUSE
	{"KDUMP_KERNELVER", as_version, NULL},
	{"KDUMP_CPUS", as_cpus, NULL},
	{"KDUMP_COMMANDLINE", as_key, "cmdline"},
	{"KDUMP_COMMANDLINE_APPEND", as_words, "cmdline_append"},
	{"KEXEC_OPTIONS", as_call, NULL},
	{"MAKEDUMPFILE_OPTIONS", as_options, NULL},
	{"KDUMP_IMMEDIATE_REBOOT", as_reboot, NULL},
	{"KDUMP_TRANSFER", is_left, "a program that takes the dump is no target: see kdump_post"},
	{"KDUMP_SAVEDIR", as_urls, NULL},
	{"KDUMP_KEEP_OLD_DUMPS", as_keep, NULL},
	{"KDUMP_FREE_DISK_SIZE", as_free, NULL},
	{"KDUMP_VERBOSE", is_left, LOGGED},
	{"KDUMP_DUMPLEVEL", as_level, NULL},
	{"KDUMP_DUMPFORMAT", as_format, NULL},
	{"KDUMP_CONTINUE_ON_ERROR", as_go_on, NULL},
	{"KDUMP_REQUIRED_PROGRAMS", as_key, "extra_bins"},
	{"KDUMP_PRESCRIPT", as_absolute, "kdump_pre"},
	{"KDUMP_POSTSCRIPT", as_absolute, "kdump_post"},
	{"KDUMP_COPY_KERNEL", left_if_set, "the kernel is not copied beside the dump"},
	{"KDUMPTOOL_FLAGS", is_left, "there is no kdumptool here"},
	{"KDUMP_NETCONFIG", as_network, NULL},
	{"KDUMP_NET_TIMEOUT", as_key, "network_timeout"},
	{"KDUMP_SMTP_SERVER", is_left, NOTIFY},
	{"KDUMP_SMTP_USER", is_left, NOTIFY},
	{"KDUMP_SMTP_PASSWORD", is_left, NOTIFY},
	{"KDUMP_NOTIFICATION_TO", is_left, NOTIFY},
	{"KDUMP_NOTIFICATION_CC", is_left, NOTIFY},
	{"KDUMP_HOST_KEY", as_host_key, NULL},
	{"KDUMP_SSH_IDENTITY", as_identity, "sshkey"},
	{"KDUMP_AUTO_RESIZE", left_if_set, "the reservation is not made smaller at boot"},
	{"KDUMP_CRASHKERNEL", is_left, RESERVED},
	{"KDUMP_UPDATE_BOOTLOADER", left_if_set, RESERVED},
	{"KDUMP_FADUMP", left_if_set, NO_FADUMP},
	{"KDUMP_FADUMP_SHELL", left_if_set, NO_FADUMP},
	// sysconfig of Fedora
	{"KDUMP_COMMANDLINE_REMOVE", as_key, "cmdline_remove"},
	{"KEXEC_ARGS", as_call, NULL},
	{"KDUMP_BOOTDIR", left_unless,
	 "/boot: the kernel is looked for in /boot and /lib/modules: name it with the key kernel"},
	{"KDUMP_IMG", left_unless, "vmlinuz: another kernel is named with the key kernel"},
	{"KDUMP_IMG_EXT", is_left, "another kernel is named with the key kernel"},
	{"KDUMP_STDLOGLVL", is_left, LOGGED},
	{"KDUMP_SYSLOGLVL", is_left, LOGGED},
	{"KDUMP_KMSGLOGLVL", is_left, LOGGED},
};

/* ---- NAME="value" ---- */

/*
 * The value of an assignment as the shell would have it, in the PEERCONF_VALUE_MAX bytes at @ret;
 * what it is, or why it cannot be told without a shell.
 */
static const char *read_value(const char *s, size_t len, char *ret)
{
	size_t n = 0;
	char quote = '\0';

	for (size_t i = 0; i < len; i++) {
		if (quote ? s[i] == quote : s[i] == '"' || s[i] == '\'') {
			quote = quote ? '\0' : s[i];
		} else if (!quote && (isspace((unsigned char)s[i]) || s[i] == '#' || s[i] == ';')) {
			break;
		} else if (quote != '\'' && (s[i] == '$' || s[i] == '`' || s[i] == '\\')) {
			return "only a shell knows what that is: write it out";
		} else if (n + 1 < PEERCONF_VALUE_MAX) {
			ret[n++] = s[i];
		} else {
			return "is too long";
		}
	}
	ret[n] = '\0';
	return quote ? "a quote is not closed in its line" : NULL;
}

static bool read_name(const char **s, const char *end, char name[static PEERCONF_NAME_MAX])
{
	size_t n = 0;

	while (*s < end && isspace((unsigned char)**s))
		++*s;
	if (end - *s > 7 && strncmp(*s, "export ", 7) == 0)
		*s += 7;
	while (*s < end && n + 1 < PEERCONF_NAME_MAX && (isalnum((unsigned char)**s) || **s == '_'))
		name[n++] = *(*s)++;
	name[n] = '\0';
	return n && *s < end && **s == '=';
}

static void take_assignment(struct peerconf *p, const char *line, size_t len)
{
	char name[PEERCONF_NAME_MAX], value[PEERCONF_VALUE_MAX];
	const char *s = line, *end = line + len, *why;
	struct setting unknown = {.name = name};

	while (s < end && isspace((unsigned char)*s))
		s++;
	if (s == end || *s == '#')
		return;
	if (!read_name(&s, end, name)) {
		snprintf(name, sizeof(name), "%.40s", "this line");
		leave(p, &unknown, "is no setting");
		return;
	}
	s++;
	why = read_value(s, end - s, value);
	if (!why && !value[0])
		return;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		if (why)
			leave(p, &settings[i], "%s", why);
		else
			settings[i].take(p, &settings[i], value);
		return;
	}
	leave(p, &unknown, "is not known");
}

/* ---- kdump.conf ---- */

/* Most of what is said of a line begins with its key. */
static void leave_said(struct peerconf *p, const struct setting *s, const char *text)
{
	size_t len = strlen(s->name);

	if (strncmp(text, s->name, len) == 0 && text[len] == ':' && text[len + 1] == ' ')
		text += len + 2;
	leave(p, s, "%s", text);
}

/* Each line by itself as lifeboat.conf takes it. */
static void take_line(struct peerconf *p, const char *line, size_t len)
{
	CLEANUP_FREE struct config *c = malloc(sizeof(*c));
	const char *comment = memchr(line, '#', len);
	char name[PEERCONF_NAME_MAX] = "";
	struct setting s = {.name = name};
	struct err why = {0};
	size_t n = 0;

	len = comment ? (size_t)(comment - line) : len;
	while (len && isspace((unsigned char)line[len - 1]))
		len--;
	while (len && isspace((unsigned char)*line))
		line++, len--;
	if (!len || !c)
		return;
	while (n < len && n + 1 < sizeof(name) && !isspace((unsigned char)line[n])) {
		name[n] = line[n];
		n++;
	}
	if (config_parse(c, "", line, len, true, &why)) {
		const char *text = strstr(why.msg, ": ");

		leave_said(p, &s, text ? text + 2 : why.msg);
	} else if (c->nunsupported) {
		leave_said(p, &s, c->unsupported[0].text);
	} else if (c->nnotes) {
		leave_said(p, &s, c->notes[0].text);
	} else {
		put(p, "%.*s", (int)len, line);
	}
}

/* ---- files ---- */

enum peerconf_kind peerconf_kind_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	// kdump-tools' own template is called kdump-tools.conf.
	return len > 5 && strcmp(name + len - 5, ".conf") == 0 && !strstr(name, "kdump-tools")
		       ? PEERCONF_KDUMP_CONF
		       : PEERCONF_ASSIGNMENTS;
}

int peerconf_take(struct peerconf *p, enum peerconf_kind kind, const char *name, const char *text,
		  size_t size, struct err *err)
{
	const char *end = text + size;

	if (size > PEERCONF_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "%s: longer than %d bytes", name, PEERCONF_SIZE_MAX);
	if (memchr(text, '\0', size))
		return err_set(err, ERR_CORRUPT, "%s: is no text", name);
	p->name = name;
	p->line = 0;
	while (text < end) {
		const char *eol = memchr(text, '\n', end - text);
		size_t len = eol ? (size_t)(eol - text) : (size_t)(end - text);

		p->line++;
		if (kind == PEERCONF_KDUMP_CONF)
			take_line(p, text, len);
		else
			take_assignment(p, text, len);
		text += len + 1;
	}
	return 0;
}

/* KDUMP_DUMPFORMAT as an option of makedumpfile; NULL for what is none. */
static const char *format_option(const char *format)
{
	static const struct {
		const char *format, *option;
	} table[] = {
		{"", ""},	{"compressed", " -c"}, {"zlib", " -c"},
		{"lzo", " -l"}, {"zstd", " -z"},       {"ELF", " -E"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].format, format) == 0)
			return table[i].option;
	return NULL;
}

/* kdump-tools tries ssh, then NFS, and the directory of its own only where neither is set. */
static void finish_targets(struct peerconf *p)
{
	const char *path = p->coredir[0] ? p->coredir : "/var/crash";

	if (p->ssh[0])
		first_target(p, "ssh", p->ssh, path);
	if (p->nfs[0])
		first_target(p, "nfs", p->nfs, "/");
	if (p->coredir[0] && !p->targets)
		put(p, "path %s", path);
}

void peerconf_finish(struct peerconf *p)
{
	const char *option = format_option(p->format);
	struct setting s = {.name = "KDUMP_DUMPFORMAT"};

	finish_targets(p);
	if (!option) {
		leave(p, &s, "'%s' is not known here: the format is chosen by itself", p->format);
		option = "";
	}
	if (!p->level[0] && !*option && !p->options[0])
		return;
	put(p, "core_collector makedumpfile%s%s%s%s%s", option, p->level[0] ? " -d " : "", p->level,
	    p->options[0] ? " " : "", p->options);
}
