/* SPDX-License-Identifier: Apache-2.0 */
/* Values of WWW-Authenticate, one per line, and what is made of the one that is chosen. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strvec.h"
#include "pull/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int split(const char *text, struct strvec *out)
{
	int r = 0;

	while (r == 0 && *text && out->len < 8) {
		size_t len = strcspn(text, "\n");

		r = strvec_addf(out, "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
	return r;
}

/* No byte of a challenge may end a request's line or begin a header. */
static void check_clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = strndup((const char *)data, size);
	cleanup_strvec struct strvec headers = { 0 };
	cleanup_auth_challenge struct auth_challenge c = { 0 };
	cleanup_auth_token struct auth_token token = { 0 };
	cleanup_buf struct buf url = BUF_INIT(65536), form = BUF_INIT(65536), refresh_url = BUF_INIT(65536);
	struct err e = { 0 };

	if (auth_token_decode((const char *)data, size, &token, &e) == 0)
		check_clean(token.token);
	if (!text || split(text, &headers) < 0 || auth_challenge_choose(&headers, &c, &e) < 0)
		return 0;
	if (c.scheme == AUTH_NONE || (c.scheme == AUTH_BEARER && !c.realm))
		abort();
	if (c.scheme != AUTH_BEARER)
		return 0;
	if (auth_token_url(&c, "repository:a:pull", "me", &url, &e) == 0)
		check_clean(url.data);
	if (auth_refresh_request(&c, NULL, "x y", &refresh_url, &form, &e) == 0)
		check_clean(form.data);
	return 0;
}
