package laketest_test

import (
	"testing"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	laketest.Conformance(t, func(*testing.T) lake.Store { return laketest.NewMemory() })
}
