package cli

import (
	"fmt"
	"strings"

	"github.com/llac-project/llac/operations/fault"
)

// The exit statuses. They are part of the interface: a number never changes its meaning.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitContract    = 3
	exitUnpublished = 4
	exitOwned       = 5
	exitTimeout     = 6
	exitUnwell      = 7
	exitNotFound    = 8
	exitExists      = 9
	exitMarts       = 10
	exitRefused     = 11
	exitCredentials = 12
	exitOverBudget  = 13
	exitInterrupted = 130
)

// exits is the table of exit statuses; the help of every command quotes from it.
var exits = []struct {
	status  int
	code    string // the error code of the JSON envelope
	meaning string
}{
	{exitOK, "", "everything that was requested is done"},
	{exitError, "error", "an error that has no status of its own"},
	{exitUsage, "usage", "the command line is wrong, or names a dataset without a contract; a query has an error or would write"},
	{exitContract, "contract_invalid", "a contract is invalid; nothing was started"},
	{exitUnpublished, "not_published", "a dataset failed or was rejected, so it is neither published nor unchanged"},
	{exitOwned, "owned", "another process owns the state directory"},
	{exitTimeout, "timeout", "not finished within --timeout; the next llac run resumes"},
	{exitUnwell, "unwell", "doctor or restore found a problem that has to be fixed"},
	{exitNotFound, "not_found", "the run, dead letter, lake, environment, page or table does not exist, or a table's files are " +
		"missing; or the service was never deployed"},
	{exitExists, "exists", "the output exists already, and --force was not given"},
	{exitMarts, "marts_missing", "the datasets are published; the marts are missing or from an earlier build"},
	{exitRefused, "refused", "the deploy is incompatible with the services that run; nothing was done"},
	{exitCredentials, "no_credentials", "no usable AWS credentials were found; nothing was done"},
	{exitOverBudget, "over_budget", "a month would cost more than the budget, or includes resources without a known price"},
	{exitInterrupted, "interrupted", "interrupted by Ctrl-C or SIGTERM; nothing is half-written, and the next llac run resumes runs"},
}

// statusOf maps the kinds of errors of operations to exit statuses.
var statusOf = map[fault.Kind]int{
	fault.Failed: exitError, fault.Usage: exitUsage, fault.Contract: exitContract, fault.NotFound: exitNotFound, fault.Exists: exitExists,
	fault.Timeout: exitTimeout, fault.Interrupted: exitInterrupted, fault.Unpublished: exitUnpublished, fault.Unsupported: exitUsage,
}

// exitStatus returns the EXIT STATUS section of a command's help.
func exitStatus(statuses ...int) string {
	var b strings.Builder
	b.WriteString("\n\nEXIT STATUS\n")
	for _, e := range exits {
		for _, s := range statuses {
			if s == e.status {
				fmt.Fprintf(&b, "  %3d  %s\n", e.status, wrap(e.meaning, 80, "       "))
			}
		}
	}
	b.WriteString("\nAll exit statuses: llac help exit-codes")
	return b.String()
}

func codeOf(status int) string {
	for _, e := range exits {
		if e.status == status {
			return e.code
		}
	}
	return "error"
}
