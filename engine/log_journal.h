/* SPDX-License-Identifier: Apache-2.0 */
/* Entries for systemd's journal, by its native protocol: a datagram each. https://systemd.io/JOURNAL_NATIVE_PROTOCOL */
#ifndef SAMPAN_ENGINE_LOG_JOURNAL_H
#define SAMPAN_ENGINE_LOG_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Fields of an entry in memory of the caller's. What does not fit sets `full` and is left out whole. */
struct log_fields {
	char *data;
	size_t len, max;
	bool full;
};

/* "NAME=value"; a value with newlines in the form with a length. */
void log_fields_add(struct log_fields *f, const char *name, const char *value);

/* One of the user's "key=value" pairs: the key as docker writes it (upper case letters, digits, '_', which is not the first). A key of which
 * nothing is left is dropped. */
void log_fields_add_attribute(struct log_fields *f, const char *pair);

/* `path` NULL: LOG_JOURNAL_SOCKET. -EOPNOTSUPP, with the path and the reason. */
int log_journal_connect(const char *path, int *ret_fd, struct err *e) MUST_CHECK;

/* An entry of `fields` (whole ones), a priority (syslog(3)'s), and MESSAGE. A journal that was restarted is connected to again: *fd changes then. One
 * that is full is waited for, for `patience_ms`. 0 or -errno. */
int log_journal_send(int *fd, const char *path, const char *fields, size_t fields_len, int priority,
		     bool partial, const char *text, size_t len, int patience_ms) MUST_CHECK;

#endif
