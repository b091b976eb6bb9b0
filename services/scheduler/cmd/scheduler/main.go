// Command scheduler decides what runs when.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/services/scheduler"
)

func main() { runtime.Main(scheduler.Service) }
