package cli

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verbs are the verbs with which the help of a command may start. A new command may add its verb.
var verbs = []string{
	"Bring", "Build", "Check", "Compare", "Copy", "Delete", "Estimate", "Fetch", "Land", "List", "Package", "Print", "Publish", "Put",
	"Query", "Request", "Restore",
	"Remove", "Send", "Serve", "Set", "Show", "Stage", "Upload", "Write",
}

// clause matches the start of a flag's usage that is a clause instead of a noun phrase.
var clause = regexp.MustCompile(`^(do|only|read|write|fetch|ask|fail|leave|look|stop|review|make|take|use|show|skip|at most)\b`)

// everyCommand calls visit with every command of Llac.
func everyCommand(t *testing.T, visit func(t *testing.T, cmd *cobra.Command)) {
	t.Helper()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() != "completion" && cmd.Name() != "help" { // cobra's own
			t.Run(cmd.CommandPath(), func(t *testing.T) { visit(t, cmd) })
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk((&App{}).root())
}

// TestCommandForm checks the form of every command's help: an imperative first sentence, lines of at most 80 columns, exit statuses,
// examples, and flags described by noun phrases.
func TestCommandForm(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		checkSentence(t, "the short help", cmd.Short)
		if strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("the short help ends with a period: %q", cmd.Short)
		}
		first, _, _ := strings.Cut(cmd.Long, "\n\n")
		checkSentence(t, "the long help", first)
		if !strings.HasSuffix(first, ".") && !strings.HasSuffix(first, ":") {
			t.Errorf("the first paragraph of the long help ends without a period: %q", first)
		}
		checkWidth(t, cmd.Long)
		if cmd.Name() == "exit-codes" {
			return // a help topic
		}
		if !strings.Contains(cmd.Long, "EXIT STATUS\n") {
			t.Error("the long help has no EXIT STATUS section: add exitStatus(…)")
		}
		if !strings.HasPrefix(cmd.Example, "  ") || !strings.Contains(cmd.Example, "llac ") {
			t.Errorf("the examples have no llac command, indented by two spaces: %q", cmd.Example)
		}
		checkWidth(t, cmd.Example)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { checkFlag(t, f) })
	})
}

func checkSentence(t *testing.T, what, text string) {
	t.Helper()
	verb, _, _ := strings.Cut(text, " ")
	if !slices.Contains(verbs, strings.TrimSuffix(verb, ",")) {
		t.Errorf("%s does not start with an imperative of the list in help_test.go: %q", what, text)
	}
}

func checkWidth(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > helpWidth {
			t.Errorf("a line of the help has %d columns, at most %d are allowed: %q", n, helpWidth, line)
		}
	}
}

func checkFlag(t *testing.T, f *pflag.Flag) {
	t.Helper()
	first, _ := utf8.DecodeRuneInString(f.Usage)
	second, _ := utf8.DecodeRuneInString(f.Usage[utf8.RuneLen(first):])
	switch {
	case f.Usage == "":
		t.Errorf("--%s has no usage", f.Name)
	case unicode.IsUpper(first) && !unicode.IsUpper(second):
		t.Errorf("the usage of --%s starts with a capital letter: %q", f.Name, f.Usage)
	case strings.HasSuffix(f.Usage, "."):
		t.Errorf("the usage of --%s ends with a period: %q", f.Name, f.Usage)
	case clause.MatchString(f.Usage):
		t.Errorf("the usage of --%s is not a noun phrase: %q", f.Name, f.Usage)
	}
}

// TestEveryCommandRuns checks that a command without subcommands has a run function and knows --json.
func TestEveryCommandRuns(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		if cmd.Name() == "exit-codes" {
			return
		}
		if cmd.RunE == nil {
			t.Error("the command has no run function")
		}
		if cmd.Flag("json") == nil {
			t.Error("the command does not know --json")
		}
	})
}
