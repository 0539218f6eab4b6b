/* SPDX-License-Identifier: Apache-2.0 */
/* Names and words for numbers of the kernel's, the same with each libc: users, clients of runc and our own tests know these. */
#ifndef SAMPAN_COMMON_NAMES_H
#define SAMPAN_COMMON_NAMES_H

#define SIGNAL_RT_MIN \
	34 /* of a container's program, as users count them: the first that glibc leaves free. signal(7) */
#define SIGNAL_RT_MAX 64

/* "EPERM"; NULL: there is no such one. */
const char *errno_name(int number);
/* "Operation not permitted"; "Unknown error" where there is no such one. */
const char *errno_text(int number);

/* "TERM" and "Terminated"; NULL: there is no such one, or it is a real-time signal. */
const char *signal_abbreviation(int number);
const char *signal_text(int number);

#endif
