package main

import (
	"testing"
)

func TestParseBenchmarks(t *testing.T) {
	t.Parallel()
	got := parseBenchmarks([]byte(`goos: linux
pkg: github.com/llac-project/llac/services/validator
cpu: a processor
BenchmarkValidate/without_sha256 	     100	    400000 ns/op	1107.50 MB/s	       0 B/op	       0 allocs/op
PASS
ok  	github.com/llac-project/llac/services/validator	1.2s
pkg: github.com/llac-project/llac/services/stager/engine
BenchmarkStage 	       1	 400000 ns/op	  82.10 MB/s	  250000 rows/s
`))
	if len(got) != 2 || got[0].Package != "services/validator" || got[0].Name != "BenchmarkValidate/without_sha256" ||
		got[0].MBPerSecond != 1107.5 ||
		got[1].Package != "services/stager/engine" || got[1].MBPerSecond != 82.1 {
		t.Errorf("got %+v", got)
	}
}
