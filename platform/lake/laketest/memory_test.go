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

func TestCounted(t *testing.T) {
	t.Parallel()
	laketest.Conformance(t, func(*testing.T) lake.Store { return lake.Counted(laketest.NewMemory()) })
}
