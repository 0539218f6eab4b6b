/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tree_path.h"

#include <errno.h>
#include <stdlib.h>

void tree_path_done(struct tree_path *p)
{
	buf_done(&p->text);
	free(p->ends);
	p->ends = NULL;
	p->cap = 0;
}

int tree_path_set(struct tree_path *p, size_t depth, const char *name)
{
	size_t keep = depth > 1 ? p->ends[depth - 1] : 0;
	int r;

	if (depth >= p->cap) {
		size_t cap = depth + 64;
		size_t *ends = reallocarray(p->ends, cap, sizeof(*ends));

		if (!ends)
			return -ENOMEM;
		p->ends = ends;
		p->cap = cap;
	}
	p->text.len = keep;
	if (p->text.data)
		p->text.data[keep] = '\0';
	r = keep > 0 ? buf_add_char(&p->text, '/') : 0;
	if (r == 0)
		r = buf_add_str(&p->text, name);
	p->ends[depth] = p->text.len;
	return r;
}
