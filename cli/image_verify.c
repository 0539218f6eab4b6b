/* SPDX-License-Identifier: Apache-2.0 */
/* sampan verify */
#include <fcntl.h>
#include <stdio.h>

#include "cli/image_main.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/policy.h"
#include "pull/verify.h"

struct verify_flags {
	const char *key, *auth_file;
	bool tls_verify;
};

#define FLAG(member) offsetof(struct verify_flags, member)
static const struct option_def OPTIONS[] = {
	{ "key", 0, OPTION_STRING, FLAG(key), "file", "Public key (PEM) that must have signed the image" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and docker's config.json)" },
	{ 0 },
};

static const struct command_def VERIFY = {
	.name = "sampan verify",
	.usage = "--key FILE REF",
	.summary = "Check the cosign signature of an image in a registry",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

static int verify(const struct verify_flags *f, const char *text, struct err *e)
{
	cleanup_verify_result struct verify_result result = { 0 };
	cleanup_buf struct buf key = BUF_INIT(POLICY_KEY_BYTES);
	struct verify_options o = { .tls_verify = f->tls_verify, .auth_file = f->auth_file };
	int r = file_read(AT_FDCWD, f->key, &key, e);

	if (r < 0)
		return r;
	o.key = key.data ? key.data : "";
	r = verify_image(text, &o, &result, e);
	if (r == 0)
		(void)printf("Digest: %s\nSigned as: %s\n", result.digest.text, result.name);
	return r;
}

int image_verify(int argc, char **argv, const struct image_globals *g)
{
	struct verify_flags f = { .tls_verify = true };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&VERIFY, argc, argv, &f, &n, &code))
		return code;
	if (!f.key) {
		cli_error("sampan verify needs --key");
		return CLI_EXIT_SAMPAN;
	}
	return verify(&f, argv[1], &e) < 0 ? image_fail(g, &e) : cli_end_output(0);
}
