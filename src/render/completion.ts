/** Shell completion made from the tree of commands, so that it never lags behind it. Pure. */

/** One option as a shell needs it. */
type OptionShape = {
  /** `--max`, `-o` */
  readonly names: readonly string[];
  readonly description: string;
  readonly takes: 'nothing' | 'value' | 'directory';
  /** closed list of values; empty when any may follow */
  readonly values: readonly string[];
};

export type CommandShape = {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionShape[];
  /** closed list of words that may follow the command's name */
  readonly words: readonly string[];
};

export type Shell = 'bash' | 'zsh' | 'fish';
export const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish'];

/** The completion script of one shell. */
export function completion(shell: Shell, commands: readonly CommandShape[]): string {
  return { bash, zsh, fish }[shell](commands);
}

function bash(commands: readonly CommandShape[]): string {
  const cases = commands.map(
    (one) =>
      `    ${one.name}) words=${quote([...one.words, ...one.options.flatMap((option) => option.names)].join(' '))} ;;`,
  );
  return `# bash completion for ctfix: source it, or put it in /usr/share/bash-completion/completions/ctfix
_ctfix() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) command=$word; break ;; esac
  done
  case $command:$previous in
${commands.flatMap(bashValues).join('\n')}
  esac
  case $command in
    '') words=${quote([...commands.map((one) => one.name), '--help', '--version'].join(' '))} ;;
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _ctfix ctfix
`;
}

function bashValues(command: CommandShape): string[] {
  return command.options.flatMap(({ names, takes, values }) => {
    if (takes === 'nothing') return [];
    const pattern = names.map((name) => `${command.name}:${name}`).join('|');
    const words = takes === 'directory' ? '-d' : `-W ${quote(values.join(' '))}`;
    return [`    ${pattern}) mapfile -t COMPREPLY < <(compgen ${words} -- "$current"); return ;;`];
  });
}

function zsh(commands: readonly CommandShape[]): string {
  const described = commands.map((one) => `    ${quote(`${one.name}:${one.description}`)}`);
  const cases = commands.map((one) => {
    const specs = [
      ...one.options.flatMap(zshOption),
      ...(one.words.length === 0 ? [] : [`'1:word:(${one.words.join(' ')})'`]),
    ];
    return `    ${one.name}) _arguments -S ${specs.join(' \\\n      ')} ;;`;
  });
  return `#compdef ctfix
# zsh completion for ctfix: put it in a directory of $fpath as _ctfix
_ctfix() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _ctfix ]; then _ctfix "$@"; else compdef _ctfix ctfix; fi
`;
}

function zshOption({ names, description, takes, values }: OptionShape): string[] {
  const text = description.replace(/[[\]:\\]/g, '\\$&');
  const after = { nothing: '', value: `:value:(${values.join(' ')})`, directory: ':directory:_files -/' }[takes];
  return names.map((name) => quote(`*${name}[${text}]${after}`));
}

function fish(commands: readonly CommandShape[]): string {
  const lines = commands.flatMap((one) => [
    `complete -c ctfix -n __fish_use_subcommand -a ${one.name} -d ${fishQuote(one.description)}`,
    ...(one.words.length === 0 ? [] : [`${fishOf(one)} -a ${quote(one.words.join(' '))}`]),
    ...one.options.map((option) => `${fishOf(one)}${fishOption(option)}`),
  ]);
  return `# fish completion for ctfix: put it in ~/.config/fish/completions/ctfix.fish\ncomplete -c ctfix -f\n${lines.join('\n')}\n`;
}

function fishOf(command: CommandShape): string {
  return `complete -c ctfix -n '__fish_seen_subcommand_from ${command.name}'`;
}

function fishOption({ names, description, takes, values }: OptionShape): string {
  const flags = names.map((name) => (name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`)).join('');
  const after = {
    nothing: '',
    value: ` -x -a ${quote(values.join(' '))}`,
    directory: " -x -a '(__fish_complete_directories)'",
  }[takes];
  return `${flags}${after} -d ${fishQuote(description)}`;
}

/** One word of bash or zsh. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One word of fish, where a backslash escapes inside quotes too. */
function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
