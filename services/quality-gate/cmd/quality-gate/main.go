// Command quality-gate decides what is published.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	gate "github.com/llac-project/llac/services/quality-gate"
)

func main() { runtime.Main(gate.Service) }
