/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the doctor (engine/doctor.h): adding lines, and reading what a machine says of itself. */
#ifndef SAMPAN_ENGINE_DOCTOR_LINES_H
#define SAMPAN_ENGINE_DOCTOR_LINES_H

#include "engine/doctor.h"

#define DOCTOR_TEXT_MAX 65536 /* bytes of a file that is read whole; longer ones count as absent */

/* Appends a line. `cure` may be NULL. */
void doctor_add(struct doctor_report *r, enum doctor_level level, const char *topic, const char *cure,
		const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The text of a file below the host's root ("proc/cmdline"), or NULL. Owned by the caller (free). */
char *doctor_read(const struct doctor_host *h, const char *path);

/* Whether there is such a file or directory. */
bool doctor_has(const struct doctor_host *h, const char *path);

/* Whether a line of `text` (NULL: none) is `word`, or ends in a blank or tab and `word`. */
bool doctor_has_line(const char *text, const char *word);

/* The parts. */
void doctor_examine_kernel(const struct doctor_host *h, struct doctor_report *r);
void doctor_examine_cgroups(const struct doctor_host *h, struct doctor_report *r);
void doctor_examine_cpu(const struct doctor_host *h, struct doctor_report *r);
void doctor_examine_users(const struct doctor_host *h, struct doctor_report *r);
void doctor_examine_store(const struct doctor_host *h, struct doctor_report *r);
void doctor_examine_memory_order(const struct doctor_host *h, struct doctor_report *r);

#endif
