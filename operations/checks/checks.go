// Package checks looks for what keeps Llac from working: on this machine, in a state directory, in an AWS environment.
//
// A check examines one thing and returns findings. A finding has what was found and, unless all is well, what to do. Checks
// change nothing. A check is added to the list of its place: Directory.checks or Environment.checks.
package checks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/lake"
)

// Finding is the result of checking one thing.
type Finding struct {
	Check  string `json:"check"`
	Result Result `json:"result"`
	Found  string `json:"found"`
	Fix    string `json:"fix,omitempty"` // what to do; empty where the result is OK
}

// Result classifies a finding.
type Result string

// The results.
const (
	OK   Result = "ok"
	Warn Result = "warn" // somebody should look at it
	Fail Result = "fail" // it has to be fixed
)

// Failed counts the findings that have to be fixed.
func Failed(findings []Finding) int {
	n := 0
	for _, f := range findings {
		if f.Result == Fail {
			n++
		}
	}
	return n
}

// one is the findings of a check that has a single finding.
func one(check string, result Result, found, fix string) []Finding {
	return []Finding{{check, result, found, fix}}
}

// Command returns a command line to type next, with the flags that select the place.
type Command func(words string) string

// queueKind is a group of queues that is checked together, one queue per service.
type queueKind struct {
	check    string
	name     func(service string) string
	fix      string // what to do about messages in them
	tolerate bool   // messages are normal
	required bool   // a missing queue is a failure
}

// findings counts the messages in the queues of a kind.
func (k queueKind) findings(ctx context.Context, queues pipeline.Queues, readFix, makeFix string) []Finding {
	total, where, missing := 0, []string{}, []string{}
	var err error
	for _, s := range services.All {
		depth, failed := queues.Depth(ctx, k.name(s.Name))
		err = errors.Join(err, failed)
		if depth.Total() > 0 {
			total += depth.Total()
			where = append(where, s.Name+" "+format.Count(depth.Total()))
		} else if k.required { // a queue that does not exist reports no messages either
			if exists, failed := queues.Made(ctx, k.name(s.Name)); failed == nil && !exists {
				missing = append(missing, k.name(s.Name))
			}
		}
	}
	messages := format.Plural(total, "message")
	switch {
	case err != nil:
		return one(k.check, Fail, err.Error(), readFix)
	case len(missing) > 0:
		return one(k.check, Fail, "missing: "+format.List(missing), makeFix)
	case total > 0 && !k.tolerate:
		return one(k.check, Warn, messages+": "+strings.Join(where, ", "), k.fix)
	}
	return one(k.check, OK, messages, "")
}

// martsOf compares the marts of a lake with its published snapshots.
func martsOf(ctx context.Context, store lake.Store, command Command) []Finding {
	m, err := marts.ReadStatus(ctx, store)
	switch {
	case err != nil:
		return one("marts", Fail, err.Error(), "check who may read the lake")
	case m == nil:
		return one("marts", OK, "never built; "+command("marts")+" builds them", "")
	case len(m.Behind) > 0:
		return one("marts", Warn, fmt.Sprintf("build %s is older than the snapshots of %s", m.Build, format.List(m.Behind)),
			command("marts")+" builds them again")
	}
	return one("marts", OK, "build "+m.Build+", "+format.Plural(m.Models, "model"), "")
}
