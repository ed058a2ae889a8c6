/** The shells that vfioctl completes for. */
export const shells = ['bash', 'zsh', 'fish'] as const
/** One of them. */
export type Shell = (typeof shells)[number]

/**
 * The function that a shell runs at TAB: it asks `vfioctl --get-yargs-completions`, which is answered in
 * `completion.ts`. What stands in the answer is the host's, so bash quotes each word before it is inserted, as the word
 * was begun; zsh's own `_describe` and fish do so themselves.
 */
export const completionScripts: Readonly<Record<Shell, string>> = {
  // PCI addresses hold colons, options may hold '=': both are parts of a word here.
  bash: `COMP_WORDBREAKS=\${COMP_WORDBREAKS//[:=]/}
_vfioctl_yargs_completions()
{
    local found
    COMPREPLY=()
    mapfile -t found < <(SHELL=bash vfioctl --get-yargs-completions "\${COMP_WORDS[@]:0:COMP_CWORD+1}")
    [ \${#found[@]} -gt 0 ] || return
    case \${COMP_WORDS[COMP_CWORD]} in
        # between these, bash would put something else in place of !
        \\"*) mapfile -t COMPREPLY < <(printf '%s\\n' "\${found[@]}" | sed '/!/d;s/[\\\\"$\`]/\\\\&/g') ;;
        \\'*) mapfile -t COMPREPLY < <(printf '%s\\n' "\${found[@]}" | sed "s/'/'\\\\\\\\''/g") ;;
        *) mapfile -t COMPREPLY < <(printf '%q\\n' "\${found[@]}") ;;
    esac
}
complete -o bashdefault -o default -F _vfioctl_yargs_completions vfioctl
`,
  zsh: `#compdef vfioctl
_vfioctl_yargs_completions()
{
  local reply
  local IFS=$'\\n'
  reply=($(SHELL=zsh vfioctl --get-yargs-completions "\${(@)words[1,CURRENT]}"))
  if [[ \${#reply} -gt 0 ]]; then
    _describe 'values' reply
  else
    _default
  fi
}
if [[ "\${zsh_eval_context[-1]}" == "loadautofunc" ]]; then
  _vfioctl_yargs_completions "$@"
else
  compdef _vfioctl_yargs_completions vfioctl
fi
`,
  fish: `function __vfioctl_yargs_completions
    set -l found (SHELL=fish vfioctl --get-yargs-completions (commandline -opc) (commandline -ct) 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c vfioctl -f -a '(__vfioctl_yargs_completions)'
`,
}
