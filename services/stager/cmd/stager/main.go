// Command stager makes candidate snapshots from validated landings.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/services/stager"
)

func main() { runtime.Main(stager.Service) }
