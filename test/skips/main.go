// Command skips reads a run of the tests (go test -json, one file). With LLAC_REQUIRE_ALL=1 it fails when a test was skipped because
// this machine lacks something that it should have. Without it does nothing: the test runner has listed the skips.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// allowed are the reasons that hold on every machine, and why.
var allowed = map[string]string{
	"recorded responses not present":                                 "recordings of the live portals that the project may not carry",
	"set LLAC_CONFORMANCE_AWS=1":                                     "a real account is used only on request",
	"this target has no":                                             "moto does not do everything that SQS, SNS and S3 do",
	"no RestartServiceCommand provided":                              "watermill's suite would restart a broker",
	"order is not guaranteed":                                        "standard queues keep no order, and watermill's suite knows",
	"guaranteed order is required":                                   "the same",
	"only subscribers with TestNewSubscriberReceivesOldMessages are": "a queue receives nothing from before its subscription",
}

// line is one event of go test -json.
type line struct {
	Action, Package, Test, Output string
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: skips <file of go test -json>")
		os.Exit(2)
	}
	if os.Getenv("LLAC_REQUIRE_ALL") != "1" {
		return
	}
	skipped, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(1)
	}
	for _, s := range skipped {
		fmt.Printf("skipped, but LLAC_REQUIRE_ALL=1: %s\n", s)
	}
	if len(skipped) > 0 {
		os.Exit(1)
	}
}

// read lists the tests that were skipped for a reason that is not allowed.
func read(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	output := map[string]string{} // by test: what it printed
	var out []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil || l.Test == "" {
			continue
		}
		id := l.Package + " " + l.Test
		switch l.Action {
		case "output":
			output[id] += l.Output
		case "skip":
			if !excused(output[id]) {
				out = append(out, id+"\n"+output[id])
			}
		case "pass", "fail":
			delete(output, id)
		}
	}
	return out, lines.Err()
}

func excused(output string) bool {
	for reason := range allowed {
		if strings.Contains(output, reason) {
			return true
		}
	}
	return false
}
