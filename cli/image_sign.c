/* SPDX-License-Identifier: Apache-2.0 */
/* sampan sign */
#include <stdio.h>

#include "cli/image_main.h"
#include "pull/sign.h"

struct sign_flags {
	const char *key, *auth_file;
	bool tls_verify;
};

#define FLAG(member) offsetof(struct sign_flags, member)
static const struct option_def OPTIONS[] = {
	{ "key", 0, OPTION_STRING, FLAG(key), "file", "Private key (PEM) to sign with" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and docker's config.json)" },
	{ 0 },
};

static const struct command_def SIGN = {
	.name = "sampan sign",
	.usage = "--key FILE REF",
	.summary = "Sign an image in a registry, as cosign does",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

static int sign(const struct sign_flags *f, const char *text, struct err *e)
{
	struct sign_options o = { .key_file = f->key,
				  .tls_verify = f->tls_verify,
				  .auth_file = f->auth_file };
	struct digest digest;
	int r = sign_image(text, &o, &digest, e);

	if (r == 0)
		(void)printf("Signed: %s\n", digest.text);
	return r;
}

int image_sign(int argc, char **argv, const struct image_globals *g)
{
	struct sign_flags f = { .tls_verify = true };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&SIGN, argc, argv, &f, &n, &code))
		return code;
	if (!f.key) {
		cli_error("sampan sign needs --key");
		return CLI_EXIT_SAMPAN;
	}
	return sign(&f, argv[1], &e) < 0 ? image_fail(g, &e) : cli_end_output(0);
}
