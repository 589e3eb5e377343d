// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/action.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/hooks.h"
#include "collector/log.h"
#include "vmcore/config.h"

enum {
	DOWN_MAX_S = 30, // for the kernel to shut down its devices
};

/*
 * In a process of its own: reboot(2) waits for whoever brings up or takes down a CPU
 * (cpu_hotplug_disable()), and so for ever if that hangs.
 */
static int go_down(enum config_action action, struct err *err)
{
	int how = RB_AUTOBOOT;
	pid_t pid;

	if (action == CONFIG_ACTION_HALT)
		how = RB_HALT_SYSTEM;
	else if (action == CONFIG_ACTION_POWEROFF)
		how = RB_POWER_OFF;
	pid = fork();
	if (pid > 0) {
		int status = 0;
		pid_t ended = 0;

		for (int i = 0; i < DOWN_MAX_S && !(ended = waitpid(pid, &status, WNOHANG)); i++)
			sleep(1);
		if (ended == pid && WIFEXITED(status) && WEXITSTATUS(status)) {
			errno = WEXITSTATUS(status);
			return err_sys(err, "%s", config_action_name(action));
		}
		return err_set(err, ERR_NODATA, "%s: the kernel did not do it within %d s",
			       config_action_name(action), DOWN_MAX_S);
	}
	// It waits for the target, and there is none that answers, perhaps.
	sync();
	reboot(how);
	if (pid == 0)
		_exit(errno);
	return err_sys(err, "%s", config_action_name(action));
}

static void run_shell(struct log *log)
{
	static const int typed[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
	pid_t pid;

	log_line(log, LOG_ERROR, "failure_action shell: the machine goes on when the shell ends");
	pid = fork();
	if (pid == 0) {
		// /init ignores them, and what is ignored stays so; a shell is for whoever types.
		for (size_t i = 0; i < ARRAY_SIZE(typed); i++)
			signal(typed[i], SIG_DFL);
		execl("/bin/sh", "sh", (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void run_hooks(const struct config *c, int code, struct log *log)
{
	const struct hooks hooks = {
		.config = c, .dir = HOOKS_DIR, .limit_ms = HOOKS_LIMIT_MS, .log = log};

	if (code == EXIT_REFUSED)
		return;
	hooks_run(&hooks, HOOKS_POST, code, NULL);
	if (code != EXIT_COMPLETE)
		hooks_run(&hooks, HOOKS_EMERGENCY, code, NULL);
}

int action_run(const struct config *c, int code, struct log *log, struct err *err)
{
	bool failed = code != EXIT_COMPLETE && code != EXIT_REFUSED;
	enum config_action action = failed ? c->failure_action : c->final_action;

	run_hooks(c, code, log);
	log_line(log, LOG_COMMON, "%s: %s", failed ? "failure_action" : "final_action",
		 config_action_name(action));
	if (action == CONFIG_ACTION_SHELL)
		run_shell(log);
	if (action == CONFIG_ACTION_SHELL || action == CONFIG_ACTION_DUMP_TO_ROOTFS)
		action = c->final_action;
	return go_down(action, err);
}
