// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/sources.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/sha256.h"
#include "loader/facts.h"
#include "loader/initrd.h"

#define SOURCES_FILE "etc/lifeboat/sources"
/* Hooks that are taken because they are there: one may have come since. */
#define HOOKS "/etc/kdump/{pre,post,emergency}.d/*"

enum {
	SOURCE_MAX = 64 << 20, /* of one file */
	DIGEST_LEN = 2 * SHA256_SIZE,
	WORD_LEN = 15,
};

/* A line of the list. */
struct source {
	char word[WORD_LEN + 1], digest[DIGEST_LEN + 1];
	const char *path;
};

static bool parse_line(const char *line, struct source *s)
{
	int at = 0;

	if (sscanf(line, "%15s %64s %n", s->word, s->digest, &at) != 2 || !at || !line[at])
		return false;
	s->path = line + at;
	return true;
}

/* "-" of one that is not there, or cannot be read. */
static void digest_of(const char *root, const char *path, char ret[static DIGEST_LEN + 1])
{
	CLEANUP_FREE char *data = NULL;
	char full[FACTS_PATH_MAX];
	uint8_t digest[SHA256_SIZE];
	struct sha256 h;
	size_t size = 0;

	strcpy(ret, "-");
	if (facts_path(full, sizeof(full), root, path, NULL) ||
	    io_read_file(full, SOURCE_MAX, &data, &size, NULL))
		return;
	sha256_init(&h);
	sha256_update(&h, data, size);
	sha256_final(&h, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static bool differs(const struct source *s, const char *root, const char *config, char *text)
{
	const char *path = strcmp(s->word, "config") == 0 ? config : s->path;
	char now[DIGEST_LEN + 1];

	digest_of(root, path, now);
	if (strcmp(now, s->digest) == 0)
		return false;
	snprintf(text, SOURCES_TEXT_MAX, "the initrd was built of another %.250s than there is now",
		 path);
	return true;
}

/* Line by line; a list that cannot be read proves nothing. */
static bool any_differs(char *list, const char *root, const char *config, char *text)
{
	char *save = NULL;
	struct source s;

	for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!parse_line(line, &s)) {
			snprintf(text, SOURCES_TEXT_MAX,
				 "the initrd's " SOURCES_FILE " has a line "
				 "that is none: '%.100s'",
				 line);
			return true;
		}
		if (differs(&s, root, config, text))
			return true;
	}
	return false;
}

static bool hook_came(const struct initrd *r, const char *root, char *text)
{
	char pattern[FACTS_PATH_MAX];
	glob_t hooks = {.gl_pathc = 0};
	bool came = false;

	if (facts_path(pattern, sizeof(pattern), root, HOOKS, NULL) ||
	    glob(pattern, GLOB_BRACE, NULL, &hooks))
		return false;
	for (size_t i = 0; i < hooks.gl_pathc && !came; i++) {
		const char *path = hooks.gl_pathv[i] + strlen(root);

		came = access(hooks.gl_pathv[i], X_OK) == 0 &&
		       !initrd_find(r, path + strspn(path, "/"));
		if (came)
			snprintf(text, SOURCES_TEXT_MAX,
				 "the initrd was built before hook %.250s came", path);
	}
	globfree(&hooks);
	return came;
}

enum sources_answer sources_check(const struct initrd *r, const char *root, const char *config,
				  char text[static SOURCES_TEXT_MAX])
{
	const struct initrd_file *f = initrd_find(r, SOURCES_FILE);
	CLEANUP_FREE char *list = f ? strndup((const char *)f->data, f->size) : NULL;

	text[0] = '\0';
	if (!list)
		return SOURCES_UNTOLD;
	return any_differs(list, root, config, text) || hook_came(r, root, text) ? SOURCES_DIFFER
										 : SOURCES_SAME;
}
