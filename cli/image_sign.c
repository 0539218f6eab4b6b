/* SPDX-License-Identifier: Apache-2.0 */
/* sampan sign */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/image_main.h"
#include "cli/image_prompt.h"
#include "common/cleanup.h"
#include "pull/sign.h"

struct sign_flags {
	const char *key, *passphrase_file, *auth_file;
	bool tls_verify;
};

#define FLAG(member) offsetof(struct sign_flags, member)
static const struct option_def OPTIONS[] = {
	{ "key", 0, OPTION_STRING, FLAG(key), "file",
	  "Private key to sign with: PEM, or as cosign keeps it" },
	{ "passphrase-file", 0, OPTION_STRING, FLAG(passphrase_file), "file",
	  "Passphrase of the key (default: $COSIGN_PASSWORD, or what is typed at the terminal)" },
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

static int read_passphrase_file(const char *path, char **ret, struct err *e)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "cannot open '%s'", path) : image_read_line(fd, path, ret, e);
}

static int find_passphrase(void *arg, char **ret, struct err *e)
{
	const struct sign_flags *f = arg;
	const char *env = getenv("COSIGN_PASSWORD");

	if (f->passphrase_file)
		return read_passphrase_file(f->passphrase_file, ret, e);
	if (!env)
		return image_prompt("Enter password for private key: ", true,
				    "use --passphrase-file or COSIGN_PASSWORD", ret, e);
	*ret = strdup(env);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep a passphrase");
}

static int sign(struct sign_flags *f, const char *text, struct err *e)
{
	struct sign_options o = { .key_file = f->key,
				  .passphrase = find_passphrase,
				  .passphrase_arg = f,
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
