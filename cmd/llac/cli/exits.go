package cli

import (
	"fmt"
	"strings"
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

// exits is the one table of exit statuses; the help of every command quotes from it.
var exits = []struct {
	status  int
	code    string // the error code of the JSON envelope
	meaning string
}{
	{exitOK, "", "everything that was asked for was done"},
	{exitError, "error", "something failed that no other status stands for"},
	{exitUsage, "usage", "the command line is wrong, or names a dataset that no contract describes; a query cannot be understood or would write"},
	{exitContract, "contract_invalid", "a contract is invalid; nothing was started"},
	{exitUnpublished, "not_published", "a dataset failed or was refused, so that it is neither published nor unchanged"},
	{exitOwned, "owned", "another process owns the state directory"},
	{exitTimeout, "timeout", "not finished within --timeout; the next llac run resumes"},
	{exitUnwell, "unwell", "doctor or restore found something that has to be mended"},
	{exitNotFound, "not_found", "there is no such run, dead letter, lake, environment, page or table, or a table's files are gone; or the service was never deployed"},
	{exitExists, "exists", "the output is there already, and --force was not given"},
	{exitMarts, "marts_missing", "the datasets are published, the marts are missing or are those of an earlier build"},
	{exitRefused, "refused", "the services that run could not live with the deploy; nothing was done"},
	{exitCredentials, "no_credentials", "there are no AWS credentials that can be used; nothing was done"},
	{exitOverBudget, "over_budget", "a month would cost more than the budget, or stands on things whose price is not known"},
	{exitInterrupted, "interrupted", "interrupted by Ctrl-C or SIGTERM; nothing is half-written, and the next llac run resumes runs"},
}

// exitStatus is the EXIT STATUS section of a command's help.
func exitStatus(statuses ...int) string {
	var b strings.Builder
	b.WriteString("\n\nEXIT STATUS\n")
	for _, e := range exits {
		for _, s := range statuses {
			if s == e.status {
				fmt.Fprintf(&b, "  %3d  %s\n", e.status, e.meaning)
			}
		}
	}
	b.WriteString("\nAll of them: llac help exit-codes")
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
