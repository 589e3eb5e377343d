// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration as lines of its own grammar. */
#include <inttypes.h>
#include <stdio.h>

#include "vmcore/config_priv.h"

typedef void (*print_fn)(void *ctx, const char *key, const char *value);

static void print_fallback(const struct config_target *t, print_fn out, void *ctx)
{
	char line[3 * CONFIG_VALUE_MAX + 64];

	if (t->kind == CONFIG_TARGET_LOCAL)
		snprintf(line, sizeof(line), "%s %s limit=%u", config_target_name(t), t->path,
			 t->limit);
	else
		snprintf(line, sizeof(line), "%s %s path=%s%s%s method=%s limit=%u",
			 config_target_name(t), t->where, t->path, t->sshkey[0] ? " sshkey=" : "",
			 t->sshkey, config_method_names[t->method], t->limit);
	out(ctx, "fallback", line);
}

static void print_numbers(const struct config *c, print_fn out, void *ctx)
{
	char text[32];

	for (size_t i = 0; i < config_nkeys; i++) {
		const void *value = (const char *)c + config_keys[i].offset;

		if (config_keys[i].kind == KEY_NUMBER)
			snprintf(text, sizeof(text), "%u", *(const unsigned int *)value);
		else if (config_keys[i].kind == KEY_SIZE)
			snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)value);
		else
			continue;
		out(ctx, config_keys[i].name, text);
	}
	snprintf(text, sizeof(text), "%u", c->capture_cpus);
	out(ctx, "capture_cpus", c->capture_cpus ? text : "auto");
	snprintf(text, sizeof(text), c->crash_loop_count ? "%u %u" : "%u", c->crash_loop_count,
		 c->crash_loop_seconds);
	out(ctx, "crash_loop", text);
}

void config_print(const struct config *c,
		  void (*out)(void *ctx, const char *key, const char *value), void *ctx)
{
	char text[80];

	if (c->targets[0].kind != CONFIG_TARGET_LOCAL)
		out(ctx, config_target_name(&c->targets[0]), c->targets[0].where);
	out(ctx, "path", c->path);
	for (size_t i = 1; i < c->ntargets; i++)
		print_fallback(&c->targets[i], out, ctx);
	out(ctx, "core_collector",
	    c->core_collector[0] ? c->core_collector : "lifeboat-collect -d 31 --codec auto");
	out(ctx, "final_action", config_action_name(c->final_action));
	out(ctx, "failure_action", config_action_name(c->failure_action));
	out(ctx, "load_with", config_call_names[c->load_with]);
	for (size_t i = 0; i < config_nkeys; i++)
		if (config_keys[i].kind == KEY_FLAG)
			out(ctx, config_keys[i].name,
			    *(const bool *)((const char *)c + config_keys[i].offset) ? "yes"
										     : "no");
	out(ctx, "ssh_method", config_method_names[c->ssh_method]);
	out(ctx, "watchdog", c->watchdog);
	if (c->fence_nodes[0]) {
		config_fence_text(&c->fence, text, sizeof(text));
		out(ctx, "fence_kdump_args", text);
	}
	print_numbers(c, out, ctx);
	for (size_t i = 0; i < config_nkeys; i++) {
		const char *value = (const char *)c + config_keys[i].offset;

		if ((config_keys[i].kind == KEY_TEXT || config_keys[i].kind == KEY_FILE) &&
		    value[0])
			out(ctx, config_keys[i].name, value);
	}
}
