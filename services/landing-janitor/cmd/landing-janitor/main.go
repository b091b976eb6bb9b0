// Command landing-janitor deletes objects that are not needed any more and keeps evidence of each deletion.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	janitor "github.com/llac-project/llac/services/landing-janitor"
)

func main() { runtime.Main(janitor.Service) }
