// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat-collect: brings the memory of a dead kernel ashore. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/action.h"
#include "collector/boot.h"
#include "collector/captain.h"
#include "collector/dmesg.h"
#include "collector/dump.h"
#include "collector/fence.h"
#include "collector/hooks.h"
#include "collector/input.h"
#include "collector/log.h"
#include "collector/manifest.h"
#include "collector/mini.h"
#include "collector/netlease.h"
#include "collector/netup.h"
#include "collector/output.h"
#include "collector/plan.h"
#include "collector/rearrange.h"
#include "collector/record.h"
#include "collector/rehearse.h"
#include "collector/sink.h"
#include "vmcore/config.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/netconf.h"
#include "vmcore/sigbus.h"
#include "vmcore/xlat.h"

#define PROC_VMCORE "/proc/vmcore"
#define PROC_KCORE  "/proc/kcore"

static int usage(struct log *log, const char *what)
{
	log_line(log, LOG_ERROR, "%s; --help lists the options", what);
	return EXIT_CONFIG;
}

static int write_record(const struct kmem *km, int fd, size_t *size, struct err *err)
{
	CLEANUP_FREE struct record *r = malloc(sizeof(*r));

	if (!r)
		return err_set(err, ERR_NOMEM, "no memory for the panic record");
	record_make(r, km, NULL);
	*size = r->size;
	return io_write(fd, r->text, r->size, err);
}

static int write_dmesg(const struct kmem *km, int fd, size_t *size, struct err *err)
{
	struct dmesg dmesg;
	int rc = dmesg_write(km, fd, &dmesg, err);

	*size = dmesg.stats.bytes;
	return rc;
}

/* The log or the panic record, to a new file. */
static int dump_text(const struct kmem *km, const struct dumpopts *o, struct log *log,
		     struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	size_t size = 0;
	int rc;

	fd = open(o->operands[1], O_WRONLY | O_CREAT | O_CLOEXEC | (o->force ? O_TRUNC : O_EXCL),
		  0600);
	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_USAGE, "%s exists already: remove it, or use -f",
			       o->operands[1]);
	if (fd < 0)
		return err_sys(err, "%s", o->operands[1]);
	rc = (o->record ? write_record : write_dmesg)(km, fd, &size, err);
	// Only what was made here: with -f it may be anything, such as /dev/stdout.
	if (rc && !size && !o->force)
		unlink(o->operands[1]);
	if (!rc && fsync(fd))
		rc = err_sys(err, "%s: fsync", o->operands[1]);
	if (!rc)
		log_line(log, LOG_COMMON, "the %s is saved to %s",
			 o->record ? "panic record" : "log", o->operands[1]);
	return rc;
}

/* Where the dump goes, in words. */
static void say_result(struct log *log, const struct dumpopts *o, const struct output *out,
		       enum manifest_status status)
{
	const char *more = out->n > 1 ? " and the files behind it" : "";

	if (status == MANIFEST_COMPLETE)
		log_line(log, LOG_COMMON, "the dump is saved to %s%s",
			 o->noperands > 1 ? o->operands[1] : "standard output", more);
	else if (status == MANIFEST_INCOMPLETE)
		log_line(log, LOG_ERROR, "what was saved is in %s%s", out->sinks[0].temp, more);
}

static int make_dump(const struct kmem *km, const struct dumpopts *o, struct log *log,
		     enum manifest_status *status, struct err *err)
{
	CLEANUP_FREE struct plan *plan = calloc(1, sizeof(*plan));
	struct output out = {0};
	struct manifest m = {0};
	struct mini mini;
	struct dump d = {.km = km, .opts = o, .log = log, .plan = plan, .m = &m};
	int rc = 0;

	if (!plan)
		return err_set(err, ERR_NOMEM, "no memory to begin with");
	if (!o->dry_run)
		rc = output_open(&out, o, err);
	if (rc)
		return rc;
	d.sink = out.sinks;
	d.nsinks = out.n;
	if (o->mini) {
		rc = mini_run(&d, out.sinks, &mini, err);
		*status = mini.status;
		if (!rc)
			log_line(log, LOG_COMMON,
				 "mini-core: %" PRIu64 " pages, %" PRIu64 " bytes in %" PRIu64
				 ".%03" PRIu64 " s, peak memory %" PRIu64 " KiB",
				 mini.pages, mini.bytes, mini.ms / 1000, mini.ms % 1000,
				 manifest_peak_kib());
	} else {
		rc = dump_run(&d, err);
		*status = m.status;
		dump_report(&d);
	}
	say_result(log, o, &out, *status);
	output_close(&out);
	if (d.planned)
		plan_deinit(plan);
	return rc;
}

/* Where a virtual address is, as makedumpfile prints it, and what maps it. */
static int print_vtop(const struct kmem *km, const struct dumpopts *o, struct err *err)
{
	struct xlat_leaf leaf;
	int rc;

	if (!km->xlat)
		return err_set(err, ERR_UNSUPPORTED, "there is no address translation");
	rc = xlat_walk(km->xlat, o->vtop_address, &leaf, err);
	if (rc)
		return rc;
	printf("VIRTUAL           PHYSICAL\n%016" PRIx64 "  %" PRIx64 "\n\n", o->vtop_address,
	       leaf.paddr + (o->vtop_address - leaf.vaddr));
	printf("in a page of %" PRIu64 " KiB at %" PRIx64 ", by %u levels of tables\n",
	       leaf.size >> 10, leaf.paddr, xlat_levels(km->xlat));
	return fflush(stdout) ? err_sys(err, "standard output") : 0;
}

static int code_of(int rc, enum manifest_status status)
{
	if (!rc)
		return EXIT_COMPLETE;
	if (status == MANIFEST_INCOMPLETE)
		return EXIT_INCOMPLETE;
	return rc == ERR_USAGE || rc == ERR_UNSUPPORTED ? EXIT_CONFIG : EXIT_FAILED;
}

/* INPUT OUTPUT: on any file, by flags. */
static int run_by_flags(const struct dumpopts *o, struct log *log)
{
	enum manifest_status status = MANIFEST_FAILED;
	struct input in;
	struct err err = {0};
	int rc = input_open(&in, o->inputs, o->ninputs, log, &err);

	if (rc) {
		log_line(log, LOG_ERROR, "%s", err.msg);
		return rc == ERR_USAGE ? EXIT_CONFIG : EXIT_FAILED;
	}
	if (o->vtop)
		rc = print_vtop(&in.km, o, &err);
	else if (o->dump_dmesg || o->record)
		rc = dump_text(&in.km, o, log, &err);
	else
		rc = make_dump(&in.km, o, log, &status, &err);
	if (rc)
		log_line(log, LOG_ERROR, "%s", err.msg);
	input_close(&in);
	return code_of(rc, status);
}

/* -R OUTPUT: a flattened dump from standard input, put together. */
static int rearrange_input(const struct dumpopts *o, struct log *log)
{
	CLEANUP_FREE struct sink *sink = calloc(1, sizeof(*sink));
	const char *path = o->operands[0];
	enum manifest_status status = MANIFEST_FAILED;
	struct rearrange_result res = {0};
	char temp[SINK_PATH_MAX];
	struct err err = {0};
	int rc;

	if (!sink)
		return EXIT_FAILED;
	if (snprintf(temp, sizeof(temp), "%s-incomplete", path) >= (int)sizeof(temp))
		return usage(log, "-R: the name of OUTPUT is too long");
	rc = sink_file_open(sink, path, temp, o->force, &err);
	if (rc) {
		log_line(log, LOG_ERROR, "%s", err.msg);
		return code_of(rc, status);
	}
	rc = rearrange(STDIN_FILENO, sink, &res, &err);
	if (!rc)
		rc = sink_commit(sink, &err);
	if (!rc)
		log_line(log, LOG_COMMON, "%llu records, %llu bytes: the dump is saved to %s",
			 (unsigned long long)res.records, (unsigned long long)res.size, path);
	else
		log_line(log, LOG_ERROR, "-R: %s", err.msg);
	if (rc && res.size && !sink_keep(sink, NULL)) {
		log_line(log, LOG_ERROR, "what was saved is in %s", temp);
		status = MANIFEST_INCOMPLETE;
	}
	sink_close(sink);
	return code_of(rc, status);
}

/* Reads the configuration; in the capture kernel a bad line costs that line only. */
static int read_config(struct config *c, const struct dumpopts *o, struct log *log)
{
	const char *path = o->config ? o->config : CONFIG_FILE;
	struct err err = {0};
	bool forgiving = o->appliance || o->act >= 0;
	int rc = config_load(c, path, !forgiving, &err);

	for (size_t i = 0; i < c->nnotes && i < CONFIG_NOTES_MAX; i++)
		log_line(log, LOG_ERROR, "warning: %s:%u: %s", path, c->notes[i].line,
			 c->notes[i].text);
	if (rc)
		log_line(log, LOG_ERROR, "%s", err.msg);
	return rc;
}

/* Whether kdump_pre lets the dump be made; only where the machine is ours. */
static bool dump_is_wanted(const struct config *c, struct log *log, struct err *err)
{
	const struct hooks hooks = {
		.config = c, .dir = HOOKS_DIR, .limit_ms = HOOKS_LIMIT_MS, .log = log};

	if (!hooks_run(&hooks, HOOKS_PRE, 0, err))
		return true;
	log_line(log, LOG_ERROR, "%s", err->msg);
	return false;
}

static int run_by_config(const struct dumpopts *o, struct log *log)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	const char *input = o->noperands ? o->operands[0] : PROC_VMCORE;
	CLEANUP_CLOSE int fence = -1;
	struct err err = {0};
	int rc;

	if (!c)
		return EXIT_FAILED;
	config_default(c);
	rc = read_config(c, o, log);
	if (o->act >= 0) {
		// Even without a configuration: its defaults bring the machine back.
		action_run(c, o->act, log, &err);
		log_line(log, LOG_ERROR, "%s", err.msg);
		return EXIT_FAILED;
	}
	if (rc && !o->appliance)
		return EXIT_CONFIG;
	if (o->appliance && fence_start(c, log, &fence, &err))
		log_line(log, LOG_ERROR, "warning: %s", err.msg);
	if (o->appliance && !dump_is_wanted(c, log, &err))
		return captain_refuse(c, input, err.msg, log);
	return captain_run(c, input, o->appliance, log);
}

/* --rehearse: everything but the crash; the answer is JSON on standard output. */
static int run_rehearsal(const struct dumpopts *o, struct log *log)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct err err = {0};
	int rc;

	if (!c)
		return EXIT_FAILED;
	config_default(c);
	if (read_config(c, o, log))
		return EXIT_CONFIG;
	// Standard output is for the answer, and what a capture says to a console is of no use here.
	log->level = LOG_ERROR;
	rc = rehearse_run(c, o->noperands ? o->operands[0] : PROC_KCORE, o->memory, STDOUT_FILENO,
			  log, &err);
	if (rc)
		log_line(log, LOG_ERROR, "%s", err.msg);
	return rc ? EXIT_FAILED : EXIT_COMPLETE;
}

/* --network FILE: what the capture kernel does for a target that needs it, alone. */
static int run_network(const struct dumpopts *o, struct log *log)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct netup_request r = {.file = o->network, .log = log};
	struct err err = {0};

	if (!c)
		return EXIT_FAILED;
	config_default(c);
	config_load(c, o->config ? o->config : CONFIG_FILE, false, NULL);
	r.limit_ms = (uint64_t)c->network_timeout * 1000;
	// Of any other description the names are nobody's.
	if (strcmp(o->network, NETCONF_FILE) == 0)
		r.etc = "/etc";
	if (!netup_run(&r, &err))
		return EXIT_COMPLETE;
	log_line(log, LOG_ERROR, "%s", err.msg);
	return err.code == ERR_USAGE ? EXIT_CONFIG : EXIT_FAILED;
}

static size_t operands_wanted(const struct dumpopts *o)
{
	if (o->dry_run || o->vtop || o->rearrange ||
	    (o->format == DUMP_FORMAT_FLATTENED && !o->dump_dmesg && !o->record))
		return 1;
	return o->split && !o->dump_dmesg && !o->record ? 3 : 2;
}

static int run(const struct dumpopts *o, struct log *log)
{
	size_t wanted = operands_wanted(o);

	if (o->show_help || o->show_version) {
		if (o->show_help)
			fputs(dumpopts_help(), stdout);
		else
			puts("lifeboat-collect " LIFEBOAT_VERSION);
		return fflush(stdout) ? EXIT_FAILED : EXIT_COMPLETE;
	}
	if (o->network)
		return run_network(o, log);
	if (o->rehearse)
		return o->noperands > 1 ? usage(log, "--rehearse: there is no OUTPUT")
					: run_rehearsal(o, log);
	if (o->act >= 0 || o->appliance || o->config || !o->noperands)
		return o->noperands > 1 ? usage(log, "with a configuration there is no OUTPUT")
					: run_by_config(o, log);
	if (o->noperands < wanted)
		return usage(log, wanted > 2   ? "--split: INPUT and two OUTPUTs or more are needed"
				  : wanted > 1 ? "INPUT and OUTPUT are needed"
					       : "INPUT is needed");
	if (o->rearrange)
		return o->noperands > 1 ? usage(log, "-R: OUTPUT is the only operand")
					: rearrange_input(o, log);
	return run_by_flags(o, log);
}

int main(int argc, char **argv)
{
	CLEANUP_FREE struct log *log = calloc(1, sizeof(*log));
	struct dumpopts o;
	struct err err = {0};

	// What is written to descriptor 2 must not land in the dump, for want of a console.
	io_hold_standard_fds();
	// udhcpc runs this program to hand a lease over.
	if (argc > 1 && getenv(NETLEASE_FILE_VARIABLE))
		return netlease_take(argv[1]);
	if (!log)
		return EXIT_FAILED;
	log_init(log, STDERR_FILENO, LOG_PROGRESS | LOG_COMMON | LOG_ERROR);
	if (boot_is_due())
		boot_run(log);
	umask(077);
	// A limit on the size of files is lack of space (EFBIG), and a console that is gone no
	// reason to die.
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	// Whoever started it may have ignored that, and a worker's end would never be heard of.
	signal(SIGCHLD, SIG_DFL);
	dumpopts_default(&o);
	if (dumpopts_parse(&o, argc, argv, &err)) {
		log_line(log, LOG_ERROR, "%s", err.msg);
		return EXIT_CONFIG;
	}
	log->level = o.message_level | LOG_ERROR | (o.show_stats ? LOG_REPORT : 0);
	if (sigbus_install(&err))
		log_line(log, LOG_ERROR, "warning: %s", err.msg);
	return run(&o, log);
}
