// Command planned summarises a Terraform plan for a public place: which resources it would create, change or destroy, and which
// attributes, without any value.
//
//	terraform show -json stager.plan >plan.json && go run ./test/planned --service stager --env dev plan.json
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/llac-project/llac/test/aws"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("planned", flag.ContinueOnError)
	flags.SetOutput(stderr)
	service := flags.String("service", "", "service whose root was planned")
	env := flags.String("env", "", "environment")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *service == "" || *env == "" || flags.NArg() != 1 {
		fmt.Fprintln(stderr, "usage: planned --service <service> --env <env> <file of terraform show -json>")
		return 2
	}
	plan, err := os.ReadFile(flags.Arg(0))
	if err == nil {
		err = summarise(stdout, *service, *env, plan)
	}
	if err != nil {
		fmt.Fprintln(stderr, "planned:", err)
		return 1
	}
	return 0
}

func summarise(w io.Writer, service, env string, plan []byte) error {
	differences, err := aws.Differences(plan)
	if err != nil {
		return err
	}
	var b strings.Builder
	if len(differences) == 0 {
		fmt.Fprintf(&b, "%s in %s: only its package would change.\n", service, env)
	} else {
		fmt.Fprintf(&b, "%s in %s, besides its package:\n\n| action | resource | attribute |\n|---|---|---|\n", service, env)
		for _, d := range differences {
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", d.Action, d.Address, d.Attribute)
		}
		b.WriteString("\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}
