// Command validator decides whether a landing can be trusted.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/services/validator"
)

func main() { runtime.Main(validator.Service) }
