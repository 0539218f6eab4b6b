/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/layer_keys.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/hash.h"

static int hash_of(const char *first, const char *second, struct digest *ret, struct err *e)
{
	char text[2 * DIGEST_TEXT_MAX + 2];
	int len = snprintf(text, sizeof(text), "%s %s", first, second);

	return hash_bytes("sha256", text, (size_t)len, ret, e);
}

static int key_of(const char *first, const char *second, char key[LAYER_KEY_MAX + 1], struct err *e)
{
	struct digest d;
	int r = hash_of(first, second, &d, e);

	if (r == 0)
		memcpy(key, digest_hex(&d), LAYER_KEY_MAX + 1);
	return r;
}

static int make_plain(const struct digest *diff_id, char key[LAYER_KEY_MAX + 1], struct err *e)
{
	if (strcmp(digest_algorithm(diff_id), "sha256") != 0)
		return key_of("diff", diff_id->text, key, e);
	memcpy(key, digest_hex(diff_id), LAYER_KEY_MAX + 1);
	return 0;
}

int layer_keys_make(const struct digest *diff_ids, size_t len, struct layer_keys *ret, struct err *e)
{
	struct digest chain = { 0 }, below;
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		below = chain;
		if (i == 0)
			chain = diff_ids[0];
		else
			r = hash_of(below.text, diff_ids[i].text, &chain, e);
		if (r == 0)
			r = make_plain(&diff_ids[i], ret[i].plain, e);
		if (r == 0 && i == 0)
			r = key_of("base", chain.text, ret[i].chained, e);
		else if (r == 0)
			memcpy(ret[i].chained, digest_hex(&chain), LAYER_KEY_MAX + 1);
		if (r == 0)
			r = key_of("opaque", diff_ids[i].text, ret[i].opaque, e);
	}
	return r;
}

const char *layer_keys_find(const struct layer_keys *keys, const struct store *s)
{
	const char *const candidates[] = { keys->plain, keys->chained, keys->opaque };

	for (size_t i = 0; i < ARRAY_LEN(candidates); i++)
		if (layer_exists(s, candidates[i]))
			return candidates[i];
	return NULL;
}

bool layer_keys_is_opaque(const struct layer_keys *keys, const char *key)
{
	return strcmp(keys->opaque, key) == 0;
}
