// Command site builds the documentation as a site in site/, by mkdocs, in a Python environment of the project's own.
// A link that leads nowhere is an error.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/llac-project/llac/platform/local/python"
)

//go:embed requirements.txt
var requirements string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// build runs mkdocs with args, or "build" without any.
func build(ctx context.Context, args []string) error {
	environment, err := python.Ensure(ctx, "docs-venv", strings.Fields(requirements), os.Stderr)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"build", "--clean", "--quiet"}
	}
	c := environment.Command(ctx, append([]string{"-m", "mkdocs"}, args...)...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.Env = append(c.Env, "NO_MKDOCS_2_WARNING=1")
	if err := c.Run(); err != nil {
		return fmt.Errorf("mkdocs %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
