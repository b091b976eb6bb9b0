package lake_test

import (
	"testing"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

func TestS3(t *testing.T) {
	t.Parallel()
	laketest.Conformance(t, func(t *testing.T) lake.Store { return startS3(t, false).Store })
}

func TestS3Faults(t *testing.T) {
	t.Parallel()
	laketest.Faults(t, startS3)
}
