/* SPDX-License-Identifier: Apache-2.0 */
#include "build/checks_text.h"

#include <string.h>

#include "common/cleanup.h"

#define URL(page) "https://docs.docker.com/go/dockerfile/rule/" page "/"

/* The messages are BuildKit's, for programs that look for them. */
static const struct check_info CHECKS[CHECK_COUNT] = {
	[CHECK_STAGE_NAME_CASING] = { .name = "StageNameCasing",
				      .url = URL("stage-name-casing"),
				      .description = "The name of a stage is in lower case",
				      .message = "Stage name '{0}' should be lowercase" },
	[CHECK_FROM_AS_CASING] = { .name = "FromAsCasing",
				   .url = URL("from-as-casing"),
				   .description = "'FROM' and 'AS' are in the same case",
				   .message = "'{1}' and '{0}' keywords' casing do not match" },
	[CHECK_NO_EMPTY_CONTINUATION] = { .name = "NoEmptyContinuation",
					  .url = URL("no-empty-continuation"),
					  .description = "No empty line follows a line that goes on",
					  .message = "Empty continuation line" },
	[CHECK_CONSISTENT_INSTRUCTION_CASING] = { .name = "ConsistentInstructionCasing",
						  .url = URL("consistent-instruction-casing"),
						  .description = "All instructions are in upper case, or all "
								 "in lower case",
						  .message = "Command '{0}' should match the case of the "
							     "command majority ({1})" },
	[CHECK_DUPLICATE_STAGE_NAME] = { .name = "DuplicateStageName",
					 .url = URL("duplicate-stage-name"),
					 .description = "No two stages have the same name",
					 .message = "Duplicate stage name \"{0}\", stage names should be "
						    "unique" },
	[CHECK_RESERVED_STAGE_NAME] = { .name = "ReservedStageName",
					.url = URL("reserved-stage-name"),
					.description = "No stage has a name with a meaning of its own",
					.message = "Stage name should not use the same name as reserved "
						   "stage \"{0}\"" },
	[CHECK_JSON_ARGS_RECOMMENDED] = { .name = "JSONArgsRecommended",
					  .url = URL("json-args-recommended"),
					  .description = "CMD and ENTRYPOINT are JSON lists: a shell in "
							 "between does not hand signals on",
					  .message = "JSON arguments recommended for {0} to prevent "
						     "unintended behavior related to OS signals" },
	[CHECK_MAINTAINER_DEPRECATED] = { .name = "MaintainerDeprecated",
					  .url = URL("maintainer-deprecated"),
					  .description = "The author is a label: MAINTAINER is deprecated",
					  .message = "Maintainer instruction is deprecated in favor of using "
						     "label" },
	[CHECK_UNDEFINED_ARG_IN_FROM] = { .name = "UndefinedArgInFrom",
					  .url = URL("undefined-arg-in-from"),
					  .description =
						  "FROM uses arguments that are declared in front of it",
					  .message = "FROM argument '{0}' is not declared",
					  .hint = " (did you mean {1}?)" },
	[CHECK_WORKDIR_RELATIVE_PATH] = { .name = "WorkdirRelativePath",
					  .url = URL("workdir-relative-path"),
					  .description = "The first WORKDIR of a stage is absolute, and does "
							 "not depend on the base image",
					  .message = "Relative workdir \"{0}\" can have unexpected results "
						     "if the base image changes" },
	[CHECK_UNDEFINED_VAR] = { .name = "UndefinedVar",
				  .url = URL("undefined-var"),
				  .description = "Variables are defined before they are used",
				  .message = "Usage of undefined variable '${0}'",
				  .hint = " (did you mean ${1}?)" },
	[CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED] = { .name = "MultipleInstructionsDisallowed",
						     .url = URL("multiple-instructions-disallowed"),
						     .description = "An instruction of which only the last "
								    "one counts is there once in a stage",
						     .message =
							     "Multiple {0} instructions should not be used "
							     "in the same stage because only the last one "
							     "will be used" },
	[CHECK_LEGACY_KEY_VALUE_FORMAT] = { .name = "LegacyKeyValueFormat",
					    .url = URL("legacy-key-value-format"),
					    .description =
						    "A '=' and no blank is between a key and its value",
					    .message = "\"{0} key=value\" should be used instead of legacy "
						       "\"{0} key value\" format" },
	[CHECK_INVALID_BASE_IMAGE_PLATFORM] = { .name = "InvalidBaseImagePlatform",
						.url = URL("invalid-base-image-platform"),
						.description =
							"The base image is of the platform that is built for",
						.message = "Base image {0} was pulled with platform \"{1}\", "
							   "expected \"{2}\" for current build" },
	[CHECK_REDUNDANT_TARGET_PLATFORM] = { .name = "RedundantTargetPlatform",
					      .url = URL("redundant-target-platform"),
					      .description = "FROM does not ask for $TARGETPLATFORM, which "
							     "it takes anyway",
					      .message = "Setting platform to predefined {0} in FROM is "
							 "redundant as this is the default behavior" },
	[CHECK_SECRETS_USED_IN_ARG_OR_ENV] = { .name = "SecretsUsedInArgOrEnv",
					       .url = URL("secrets-used-in-arg-or-env"),
					       .description = "Secrets are mounted, and not in ARG or ENV, "
							      "which stay in the image",
					       .message = "Do not use ARG or ENV instructions for sensitive "
							  "data ({0} \"{1}\")" },
	[CHECK_INVALID_DEFAULT_ARG_IN_FROM] = { .name = "InvalidDefaultArgInFrom",
						.url = URL("invalid-default-arg-in-from"),
						.description = "With the defaults of all arguments, FROM has "
							       "the name of an image",
						.message = "Default value for ARG {0} results in empty or "
							   "invalid base image name" },
	[CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = { .name = "FromPlatformFlagConstDisallowed",
							.url = URL("from-platform-flag-const-disallowed"),
							.description = "The platform in FROM is a variable",
							.message = "FROM --platform flag should not use "
								   "constant value \"{0}\"" },
	[CHECK_COPY_IGNORED_FILE] = { .name = "CopyIgnoredFile",
				      .url = URL("copy-ignored-file"),
				      .description = "What is copied is not left out by the ignore file",
				      .message = "Attempting to {0} file \"{1}\" that is excluded by "
						 ".dockerignore" },
	[CHECK_INVALID_DEFINITION_DESCRIPTION] = { .name = "InvalidDefinitionDescription",
						   .url = URL("invalid-definition-description"),
						   .description =
							   "A comment right above a stage or an argument "
							   "describes it, and begins with its name",
						   .message = "Comment for {0} should follow the format: `# "
							      "{1} <description>`",
						   .experimental = true },
	[CHECK_EXPOSE_PROTO_CASING] = { .name = "ExposeProtoCasing",
					.url = URL("expose-proto-casing"),
					.description = "The protocol of a port is in lower case",
					.message = "Defined protocol '{0}' in EXPOSE instruction should be "
						   "lowercase" },
	[CHECK_EXPOSE_INVALID_FORMAT] = { .name = "ExposeInvalidFormat",
					  .url = URL("expose-invalid-format"),
					  .description = "EXPOSE has ports of the container only",
					  .message = "EXPOSE instruction should not define an IP address or "
						     "host-port mapping, found '{0}'" },
};

const struct check_info *check_info(enum check_id id)
{
	return &CHECKS[id];
}

enum check_id check_find(const char *name)
{
	unsigned id = 0;

	while (id < CHECK_COUNT && strcmp(CHECKS[id].name, name) != 0)
		id++;
	return (enum check_id)id;
}

static int fill_in(const char *text, const char *const *words, struct buf *out)
{
	int r = 0;

	while (r == 0 && *text) {
		size_t plain = strcspn(text, "{");

		if (plain > 0) {
			r = buf_add(out, text, plain);
			text += plain;
		} else {
			r = buf_add_str(out, words[text[1] - '0']);
			text += strlen("{0}");
		}
	}
	return r;
}

int check_message(enum check_id id, const char *const *words, struct buf *out)
{
	const struct check_info *check = &CHECKS[id];
	int r = fill_in(check->message, words, out);

	if (r == 0 && check->hint && words[1][0])
		r = fill_in(check->hint, words, out);
	return r;
}
