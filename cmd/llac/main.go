// Command llac is the operator's tool of Llac.
package main

import (
	"os"

	"github.com/llac-project/llac/cmd/llac/cli"
)

func main() { os.Exit(cli.Main()) }
