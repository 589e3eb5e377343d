// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat: what an administrator runs on the living system. */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/alias.h"
#include "loader/command.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct command {
	const char *name;
	const char *summary;
	command_run *run;
	bool takes_words;
};

static command_run command_help;
static command_run command_version;

static const struct command commands[] = {
	{"load", "put the capture kernel in place", command_load, false},
	{"unload", "take it away", command_unload, false},
	{"reload", "the same anew, after a change; --if-changed: only where there was one",
	 command_reload, true},
	{"status", "prove that a crash would leave a dump; exit 0 yes, 1 with a doubt, 2 no",
	 command_status, true},
	{"estimate", "tell how much memory the capture kernel needs, and why; --json",
	 command_estimate, true},
	{"calibrate", "measure that, by crashes in QEMU", command_calibrate, false},
	{"rehearse", "do everything but crash: try the targets in the memory there will be",
	 command_rehearse, true},
	{"test", "crash this machine, to see that a dump comes of it", command_test, false},
	{"shrink", "give back what is reserved beyond what is needed; --to SIZE", command_shrink,
	 true},
	{"reset-crashkernel", "have the next boot reserve what is needed; --to VALUE",
	 command_reset_crashkernel, true},
	{"rebuild", "build the capture initrd anew, and load it where one is loaded",
	 command_rebuild, false},
	{"showmem", "tell how much memory is reserved", command_showmem, false},
	{"receipts", "tell what became of each crash; --json: for programs", command_receipts,
	 true},
	{"savecore", "take a dump from a raw device: [--keep] [DEVICE [DIRECTORY]]",
	 command_savecore, true},
	{"propagate", "set up key and host key of ssh targets, and try to log in; --yes: trust it",
	 command_propagate, false},
	{"import", "take over what another service was told: [--print] [FILE [FILE]]",
	 command_import, true},
	{"mark-clean", "this boot ends in order: for the service that runs at shutdown",
	 command_mark_clean, false},
	{"config", "print the configuration as it was understood", command_config, false},
	{"network", "print how the capture kernel will reach the targets, or HOST...",
	 command_network, true},
	{"version", "print the version", command_version, false},
	{"help", "print this text", command_help, false},
};

static void usage(FILE *out)
{
	fprintf(out, "Usage: lifeboat [--config FILE] [--yes] COMMAND [WORD]...\n"
		     "Keep a capture kernel ready, to save the memory of this one if it dies.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-17s  %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\nThe configuration is " CONFIG_FILE " unless --config says otherwise.\n"
		     "Exit codes: 0 done, 1 failed, 2 usage or configuration.\n");
}

static int command_help(const struct context *ctx, struct err *err)
{
	(void)err;
	usage(ctx->out);
	return 0;
}

static int command_version(const struct context *ctx, struct err *err)
{
	(void)err;
	fprintf(ctx->out, "lifeboat " LIFEBOAT_VERSION "\n");
	return 0;
}

static const struct command *find(const char *name)
{
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0 || strcmp(name, "-v") == 0)
		name = "version";
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int wrong(const char *what, const char *word)
{
	fprintf(stderr, "lifeboat: %s%s; see `lifeboat help`\n", what, word);
	return EXIT_USAGE;
}

static void to_syslog(int priority, const char *text)
{
	openlog("lifeboat", 0, LOG_DAEMON);
	syslog(priority, "%s", text);
	closelog();
}

/* It may stand behind the words of a command as well: takes it out of them; how many are left. */
static size_t take_yes(char **words, size_t n, bool *yes)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], "--yes") == 0)
			*yes = true;
		else
			words[left++] = words[i];
	}
	return left;
}

int main(int argc, char **argv)
{
	struct context ctx = {
		.root = "",
		.config = CONFIG_FILE,
		.out = stdout,
		.diag = stderr,
		.kexec = kexecfile_syscall,
		.kexec_load = kexecload_syscall,
		.syslog = to_syslog,
	};
	const struct command *command = NULL;
	struct err err = {0};
	int rc;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--config=", 9) == 0 && argv[i][9]) {
			ctx.config = argv[i] + 9;
		} else if (strcmp(argv[i], "--config") == 0) {
			if (++i == argc)
				return wrong("--config needs a file", "");
			ctx.config = argv[i];
		} else if (strcmp(argv[i], "--generic") == 0) {
			ctx.generic = true;
			continue;
		} else if (strcmp(argv[i], "--yes") == 0) {
			ctx.yes = true;
			continue;
		} else if (command && command->takes_words) {
			ctx.words = argv + i;
			ctx.nwords = take_yes(argv + i, argc - i, &ctx.yes);
			break;
		} else if (command) {
			return wrong("one word too many: ", argv[i]);
		} else {
			const struct alias *a = alias_find(argv[0], argv[i]);

			if (a && !a->command) {
				printf("%s\n", a->note);
				return 0;
			}
			command = find(a ? a->command : argv[i]);
			if (!command)
				return wrong("no such command: ", argv[i]);
			// It is the first of the words then.
			if (a && a->word)
				argv[i--] = (char *)a->word;
			continue;
		}
		ctx.config_said = true;
	}
	if (!command)
		return wrong("a command is missing", "");
	rc = command->run(&ctx, &err);
	if (rc >= 0 && (fflush(stdout) || ferror(stdout)))
		rc = err_sys(&err, "the answer can't be written");
	if (rc >= 0)
		return rc;
	fprintf(stderr, "lifeboat: %s: %s\n", command->name, err.msg);
	return rc == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED;
}
