// Command fetcher reads sources and lands their pages.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/services/fetcher"
)

func main() { runtime.Main(fetcher.Service) }
