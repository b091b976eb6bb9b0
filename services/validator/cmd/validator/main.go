// Command validator decides whether a landing is valid.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/services/validator"
)

func main() { runtime.Main(validator.Service) }
