// Command landing-janitor removes what is no longer needed, and can prove it.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	janitor "github.com/llac-project/llac/services/landing-janitor"
)

func main() { runtime.Main(janitor.Service) }
