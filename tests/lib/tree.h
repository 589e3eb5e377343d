/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree: the files of a machine that a test lays out below a directory of its own. Paths are the
 * machine's, and begin with '/'.
 */
#ifndef TESTS_LIB_TREE_H
#define TESTS_LIB_TREE_H

#include <stdbool.h>
#include <stddef.h>

#define TREE_ROOT "/tmp/lifeboat-test-XXXXXX"

/* Makes the directory; @root is a copy of TREE_ROOT and becomes its path. Says whether it could. */
bool tree_make(char *root);

/* Writes a file anew, with the directories on the way to it; it may be run as a program. Says whether it could. */
bool tree_put(const char *root, const char *path, const void *data, size_t size);

bool tree_there(const char *root, const char *path);

bool tree_drop(const char *root, const char *path);

/* Takes away the directory and all below it: 0, as teardown functions say it, or -1. */
int tree_remove(const char *root);

#endif
