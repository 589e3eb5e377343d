// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/identity.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "loader/cmdline.h"
#include "loader/jsonread.h"
#include "loader/loadplan.h"

#define NO_CONFIG "none"

/* Every boot has its own, and of the images the digests are here. */
static bool is_passing(const char *word)
{
	return strncmp(word, CMDLINE_BOOT_ID, strlen(CMDLINE_BOOT_ID)) == 0 ||
	       strncmp(word, CMDLINE_IMAGES, strlen(CMDLINE_IMAGES)) == 0;
}

static void digest_cmdline(const char *cmdline, char ret[static IMAGE_DIGEST_LEN])
{
	char words[CMDLINE_MAX], kept[CMDLINE_MAX + 1], *save;
	size_t used = 0;

	snprintf(words, sizeof(words), "%s", cmdline);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (!is_passing(w))
			used += snprintf(kept + used, sizeof(kept) - used, "%s ", w);
	image_digest(kept, used, ret);
}

void identity_of(struct identity *id, const struct loadplan *p)
{
	*id = (struct identity){.kernel = ""};
	memcpy(id->kernel, p->kernel.digest, sizeof(id->kernel));
	memcpy(id->initrd, p->initrd.digest, sizeof(id->initrd));
	snprintf(id->config, sizeof(id->config), "%s",
		 p->config_file.path[0] ? p->config_file.digest : NO_CONFIG);
	if (p->cmdline[0])
		digest_cmdline(p->cmdline, id->cmdline);
}

bool identity_known(const struct identity *id)
{
	return id->kernel[0] && id->initrd[0] && id->config[0] && id->cmdline[0];
}

bool identity_differs(const struct identity *a, const struct identity *b,
		      char text[static IDENTITY_TEXT_MAX])
{
	const struct {
		const char *name;
		bool other;
	} parts[] = {
		{"kernel", strcmp(a->kernel, b->kernel) != 0},
		{"initrd", strcmp(a->initrd, b->initrd) != 0},
		{"configuration", strcmp(a->config, b->config) != 0},
		{"command line", strcmp(a->cmdline, b->cmdline) != 0},
	};
	size_t used = 0, left = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		left += parts[i].other;
	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!parts[i].other)
			continue;
		left--;
		used += snprintf(text + used, IDENTITY_TEXT_MAX - used, "%s%s", parts[i].name,
				 left > 1    ? ", "
				 : left == 1 ? " and "
					     : "");
	}
	return used != 0;
}

void identity_put(const struct identity *id, struct json *j)
{
	json_object(j, "identity");
	json_string(j, "kernel", id->kernel);
	json_string(j, "initrd", id->initrd);
	json_string(j, "config", id->config);
	json_string(j, "cmdline", id->cmdline);
	json_object_end(j);
}

void identity_read(struct identity *id, struct json_object *o)
{
	jsonread_string(o, "identity.kernel", id->kernel, sizeof(id->kernel));
	jsonread_string(o, "identity.initrd", id->initrd, sizeof(id->initrd));
	jsonread_string(o, "identity.config", id->config, sizeof(id->config));
	jsonread_string(o, "identity.cmdline", id->cmdline, sizeof(id->cmdline));
}
