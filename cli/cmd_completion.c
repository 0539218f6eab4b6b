/* SPDX-License-Identifier: Apache-2.0 */
/* sampan completion */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/cleanup.h"

/* The scripts know nothing of our commands: for each word they ask `sampan __complete`, which prints "WORD\tTEXT", a line each, or that
 * files are wanted (cli/complete_values.h). So they need not be made again when the program is another. */
static const char BASH[] =
	"# bash completion for sampan; made by `sampan completion bash`.\n"
	"_sampan() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} words=() gap word reply current before prefix\n"
	"\tlocal i\n"
	"\n"
	"\t# What readline broke at ':' and '=' is one word again.\n"
	"\tfor ((i = 0; i <= COMP_CWORD; i++)); do\n"
	"\t\tgap=${line%%[![:space:]]*}\n"
	"\t\tline=${line#\"$gap\"}\n"
	"\t\tword=${COMP_WORDS[i]:0:${#line}}\n"
	"\t\tline=${line:${#word}}\n"
	"\t\tif [[ -z $gap && $i -gt 0 ]]; then\n"
	"\t\t\twords[${#words[@]}-1]+=$word\n"
	"\t\telse\n"
	"\t\t\twords+=(\"$word\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tcurrent=${words[${#words[@]}-1]}\n"
	"\t# And only what follows the last of those signs is ours to replace.\n"
	"\tbefore=\n"
	"\tcase $current in\n"
	"\t*[:=]*)\n"
	"\t\tprefix=${current%\"${current##*[:=]}\"}\n"
	"\t\t[[ $COMP_WORDBREAKS == *\"${prefix: -1}\"* ]] && before=$prefix\n"
	"\t\t;;\n"
	"\tesac\n"
	"\tmapfile -t reply < <(\"${words[0]}\" __complete \"${words[@]:1}\" 2>/dev/null)\n"
	"\tCOMPREPLY=()\n"
	"\tfor word in \"${reply[@]}\"; do\n"
	"\t\tcase $word in\n"
	"\t\t:files | :directories)\n"
	"\t\t\tprefix=\n"
	"\t\t\t[[ $current == -*=* ]] && prefix=${current%%=*}=\n"
	"\t\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\t\ti=-f\n"
	"\t\t\t[[ $word == :directories ]] && i=-d\n"
	"\t\t\tmapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen \"$i\" -- "
	"\"${current#\"$prefix\"}\")\n"
	"\t\t\t;;\n"
	"\t\t*)\n"
	"\t\t\tword=${word%%$'\\t'*}\n"
	"\t\t\tCOMPREPLY+=(\"${word#\"$before\"}\")\n"
	"\t\t\t;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=,] ]]; then\n"
	"\t\tcompopt -o nospace 2>/dev/null\n"
	"\tfi\n"
	"\treturn 0\n"
	"}\n"
	"complete -F _sampan sampan\n";

static const char ZSH[] =
	"#compdef sampan\n"
	"# zsh completion for sampan; made by `sampan completion zsh`.\n"
	"_sampan() {\n"
	"\tlocal line prefix\n"
	"\tlocal -a lines values open\n"
	"\n"
	"\tlines=(\"${(@f)$(\"${words[1]}\" __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
	"\tfor line in \"${lines[@]}\"; do\n"
	"\t\tcase $line in\n"
	"\t\t:files | :directories)\n"
	"\t\t\t[[ $PREFIX == -*=* ]] && compset -P '*='\n"
	"\t\t\tif [[ $line == :files ]]; then\n"
	"\t\t\t\t_files\n"
	"\t\t\telse\n"
	"\t\t\t\t_files -/\n"
	"\t\t\tfi\n"
	"\t\t\t;;\n"
	"\t\t'') ;;\n"
	"\t\t*)\n"
	"\t\t\tprefix=${line%%$'\\t'*}\n"
	"\t\t\tif [[ $prefix == *[:=,] ]]; then\n"
	"\t\t\t\topen+=(\"${prefix//:/\\\\:}\")\n"
	"\t\t\telif [[ $line == *$'\\t'* ]]; then\n"
	"\t\t\t\tvalues+=(\"${prefix//:/\\\\:}:${line#*$'\\t'}\")\n"
	"\t\t\telse\n"
	"\t\t\t\tvalues+=(\"${prefix//:/\\\\:}\")\n"
	"\t\t\tfi\n"
	"\t\t\t;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\t(( ${#values} )) && _describe -t words 'sampan' values\n"
	"\t(( ${#open} )) && _describe -t words 'sampan' open -S ''\n"
	"\treturn 0\n"
	"}\n"
	"if [ \"$funcstack[1]\" = \"_sampan\" ]; then\n"
	"\t_sampan \"$@\"\n"
	"else\n"
	"\tcompdef _sampan sampan\n"
	"fi\n";

static const char FISH[] =
	"# fish completion for sampan; made by `sampan completion fish`.\n"
	"function __sampan_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l current (commandline -ct)\n"
	"\tset -l prefix (string match -r -- '^-[^=]*=' $current)\n"
	"\tfor line in ($words[1] __complete $words[2..-1] \"$current\" 2>/dev/null)\n"
	"\t\tswitch $line\n"
	"\t\t\tcase ':files'\n"
	"\t\t\t\tfor path in (__fish_complete_path (string replace -- \"$prefix\" '' \"$current\"))\n"
	"\t\t\t\t\techo \"$prefix$path\"\n"
	"\t\t\t\tend\n"
	"\t\t\tcase ':directories'\n"
	"\t\t\t\tfor path in (__fish_complete_directories (string replace -- \"$prefix\" '' \"$current\"))\n"
	"\t\t\t\t\techo \"$prefix$path\"\n"
	"\t\t\t\tend\n"
	"\t\t\tcase '*'\n"
	"\t\t\t\techo $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c sampan -f -a '(__sampan_complete)'\n";

static const struct {
	const char *name, *script;
} SHELLS[] = { { "bash", BASH }, { "zsh", ZSH }, { "fish", FISH } };

static const struct command_def COMMAND = {
	.name = "sampan completion",
	.usage = "bash|zsh|fish",
	.summary = "Print the script that teaches a shell to complete our command lines",
	.min_args = 1,
	.max_args = 1,
};

int cmd_completion(int argc, char **argv, const struct cli_globals *g)
{
	int n = 0, code = 0;

	(void)g;
	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	for (size_t i = 0; i < ARRAY_LEN(SHELLS); i++)
		if (strcmp(SHELLS[i].name, argv[1]) == 0)
			return cli_end_output(fputs(SHELLS[i].script, stdout) < 0);
	cli_error("unknown shell '%s' (there are bash, zsh and fish)\nSee 'sampan completion --help'.",
		  argv[1]);
	return CLI_EXIT_SAMPAN;
}
