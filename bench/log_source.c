/* SPDX-License-Identifier: Apache-2.0 */
/* log_source BYTES LINE: writes BYTES to standard output, 4 KiB at a time, in lines of LINE bytes. Ends in silence when nobody reads on. */
#include <stdint.h>
#include <unistd.h>

#include "common/file.h"
#include "common/parse.h"

#define WRITE_BYTES 4096
#define TEXT_BYTES  (64 * WRITE_BYTES)

int main(int argc, char **argv)
{
	static char text[TEXT_BYTES];
	uint64_t bytes, line;
	size_t at = 0;

	if (argc != 3 || parse_u64(argv[1], 0, UINT64_MAX, &bytes) < 0 ||
	    parse_u64(argv[2], 1, TEXT_BYTES, &line) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (i + 1) % line == 0 ? '\n' : (char)('a' + i % 26);
	for (uint64_t done = 0; done < bytes; done += WRITE_BYTES) {
		if (write_all(1, text + at, WRITE_BYTES) < 0)
			return 1;
		at = (at + WRITE_BYTES) % sizeof(text);
	}
	return 0;
}
