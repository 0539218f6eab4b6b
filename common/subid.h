/* SPDX-License-Identifier: Apache-2.0 */
/* Subordinate IDs: what /etc/subuid and /etc/subgid give to whom. subuid(5). Pure. */
#ifndef SAMPAN_COMMON_SUBID_H
#define SAMPAN_COMMON_SUBID_H

#include <stddef.h>
#include <stdint.h>

#define SUBID_RANGES_MAX 64
#define SUBID_FILE_MAX   (1u << 20) /* bytes */
#define SUBID_NOBODY     UINT32_MAX /* in place of a number: there is none */

struct subid_range {
	uint32_t first, count;
};

/* The ranges of a user, by name or by number, in the order of the file; lines that make no sense are left out, and so are those after
 * SUBID_RANGES_MAX. Returns how many there are. */
size_t subid_ranges(const char *text, const char *user, uint32_t number,
		    struct subid_range ret[SUBID_RANGES_MAX]);

#endif
