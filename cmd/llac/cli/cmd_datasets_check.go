package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
)

func (a *App) datasetsCheckCommand() *cobra.Command {
	var fix bool
	cmd := &cobra.Command{
		Use:   "check [file…]",
		Short: "Check contracts against the standard and the rules of Llac",
		Long: `Check the named files, or every contract of the folder, against the Open Data
Contract Standard 3.1 and the rules of Llac. Each problem is one line:
file:line:column: path: message; fix. Named files are also checked together with
the rest of the folder.

--fix first rewrites what an earlier version of Llac wrote differently, and
shows the lines. Order, comments and meaning of a file stay the same. A file
with other problems is not changed.` + exitStatus(exitOK, exitError, exitUsage, exitContract),
		Example: `  llac datasets check
  llac datasets check datasets/housing.odcs.yaml
  llac datasets check --fix`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "rewriting of forms of an earlier version of Llac")
	cmd.RunE = a.run("datasets check", func(_ context.Context, args []string) (reply, error) { return a.runDatasetsCheck(args, fix) })
	return cmd
}

// checkReply is the data of `llac datasets check`.
type checkReply struct {
	Files    []string            `json:"files"`
	Fixed    []pipeline.Migrated `json:"fixed"` // files that --fix rewrote
	Problems []contract.Problem  `json:"problems"`
}

func (a *App) runDatasetsCheck(files []string, fix bool) (reply, error) {
	named := len(files) > 0
	var err error
	if !named {
		if files, err = pipeline.ContractFiles(a.address.Contracts); err != nil {
			return reply{}, err
		}
	}
	out := checkReply{Files: files, Fixed: []pipeline.Migrated{}, Problems: []contract.Problem{}}
	var refused contract.Problems
	if fix {
		if out.Fixed, refused, err = pipeline.MigrateContracts(files); err != nil {
			return reply{}, err
		}
	}
	if named {
		err = pipeline.CheckContracts(a.address.Contracts, files)
	} else {
		_, err = pipeline.LoadContracts(a.address.Contracts)
	}
	var problems contract.Problems
	if err != nil && !errors.As(err, &problems) {
		return reply{}, err
	}
	problems = contract.Together(problems, refused)
	out.Problems = append(out.Problems, problems...)
	r := reply{data: out, text: func(t *text) { checkText(t, out) }}
	if len(problems) == 0 {
		return r, nil
	}
	return r, fail(exitContract, fmt.Errorf("%s in %s", format.Plural(len(problems), "problem"), format.Plural(len(files), "file")),
		a.checkHint(problems, fix))
}

// checkHint returns what to do about problems.
func (a *App) checkHint(problems contract.Problems, fix bool) string {
	isEarlier := func(p contract.Problem) bool { return p.Earlier }
	others := slices.ContainsFunc(problems, func(p contract.Problem) bool { return !p.Earlier })
	switch command := a.llac("datasets check --fix"); {
	case !slices.ContainsFunc(problems, isEarlier):
		return "fix the lines above"
	case fix, others:
		return "fix the lines above that do not name " + command + ", then run it"
	default:
		return command + " rewrites the lines above"
	}
}

// checkText writes what --fix changed, then the problems, one per line, as editors read them.
func checkText(t *text, out checkReply) {
	for _, f := range out.Fixed {
		t.line("%s: %s rewritten", f.File, format.Plural(len(f.Changes), "place"))
		for _, c := range f.Changes {
			t.line("%s", c)
		}
	}
	switch {
	case len(out.Problems) > 0:
		t.line("%s", contract.Problems(out.Problems).Error())
	default:
		t.line("%s checked, no problems.", format.Plural(len(out.Files), "contract"))
	}
}
