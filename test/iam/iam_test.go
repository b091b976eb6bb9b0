//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package iam

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// datasetFiles returns the names of the project's datasets.
func datasetFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "datasets", "*.odcs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		out = append(out, strings.TrimSuffix(filepath.Base(f), ".odcs.yaml"))
	}
	return out
}

// TestServices compares what the services may do with what they did, in a run without faults and in one with many.
func TestServices(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	began := time.Now()
	w.happy()
	t.Logf("the happy run took %s", time.Since(began).Round(time.Millisecond))
	w.faults()
	t.Logf("with the faults %s", time.Since(began).Round(time.Millisecond))
	for _, problem := range w.recorder.Strange() {
		t.Error(problem)
	}
	if roles := w.recorder.Roles(); !slices.Equal(roles, slices.Sorted(slices.Values(Services()))) {
		t.Fatalf("recorded were %v", roles)
	}
	for _, service := range Services() {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			p, err := here.RenderService(repository, service)
			if err != nil {
				t.Fatal(err)
			}
			needs := w.recorder.Needs(service)
			for _, problem := range judged(t, p.Statements, needs) {
				t.Errorf("terraform/policies/%s.json with common.json: %s", service, problem)
			}
			t.Logf("%d needs; %v", len(needs), w.recorder.Counts(service))
			if !t.Failed() {
				mutate(t, p.Statements, needs)
			}
		})
	}
	t.Run("boundary", func(t *testing.T) {
		t.Parallel()
		words, err := here.SharedWords(repository)
		if err != nil {
			t.Fatal(err)
		}
		boundary, err := Render(repository, "boundary", words)
		if err != nil {
			t.Fatal(err)
		}
		for _, service := range Services() {
			refused, err := Refused(boundary.Statements, w.recorder.Needs(service))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range refused {
				t.Errorf("the boundary blocks %s: %s", service, r)
			}
		}
	})
	t.Run("data bucket", func(t *testing.T) {
		t.Parallel()
		checkBucketPolicy(t, w.recorder)
	})
}

func judged(t *testing.T, statements []Statement, needs []Need) []string {
	t.Helper()
	problems, err := Judge(statements, needs)
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

// checkBucketPolicy compares the data bucket's own policy, which denies each layer to all roles but those it lists, with the recording: a
// listed service wrote the layer (or read its raw rows), and one that did is listed.
func checkBucketPolicy(t *testing.T, r *Recorder) {
	b, err := os.ReadFile(filepath.Join(repository, "terraform/stacks/storage/layers.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for block, action := range map[string]string{"writers": "s3:PutObject", "raw_readers": "s3:GetObject"} {
		_, text, ok := strings.Cut(string(b), "\n  "+block+" = {\n")
		text, _, closed := strings.Cut(text, "\n  }\n")
		if !ok || !closed {
			t.Fatalf("layers.tf has no %s", block)
		}
		layers := regexp.MustCompile(`(?m)^\s+([a-z-]+)\s+= \[([^\]]*)\]`).FindAllStringSubmatch(text, -1)
		if len(layers) < 3 {
			t.Fatalf("%s: found only %d layers", block, len(layers))
		}
		for _, m := range layers {
			layer := m[1]
			for _, service := range Services() {
				did := slices.ContainsFunc(r.Needs(service), func(n Need) bool {
					return n.Action == action && strings.HasPrefix(n.Resource, "arn:aws:s3:::"+here.DataBucket()+"/"+layer+"/")
				})
				if named := strings.Contains(m[2], `"`+service+`"`); did != named {
					t.Errorf("layers.tf, %s of %s: %s is listed: %v, and did it: %v", block, layer, service, named, did)
				}
			}
		}
	}
	for _, service := range Services() {
		for _, n := range r.Needs(service) {
			if strings.HasPrefix(n.Action, "s3:DeleteObject") && service != "landing-janitor" {
				t.Errorf("%s needs %s on %s, which the data bucket denies", service, n.Action, n.Resource)
			}
		}
	}
}

// mutate changes a policy in each way that one edit can, and expects the judgement to find it: a statement, an action, a resource, a
// value of a condition, or a condition removed or added; and a pattern made wider.
func mutate(t *testing.T, statements []Statement, needs []Need) {
	t.Helper()
	seen := 0
	want := func(what string, changed []Statement) {
		t.Helper()
		seen++
		if len(judged(t, changed, needs)) == 0 {
			t.Errorf("%s: the judgement does not find it", what)
		}
	}
	with := func(i int, change func(*Statement)) []Statement {
		out := slices.Clone(statements)
		change(&out[i])
		return out
	}
	without := func(list []string, i int) []string { return slices.Delete(slices.Clone(list), i, i+1) }
	var everyAction, everyResource []string
	for _, l := range actions {
		for _, n := range l.Needs {
			everyAction = append(everyAction, n.Action)
		}
	}
	everyAction = append(everyAction, "s3:PutObjectAcl", "iam:PassRole")
	slices.Sort(everyAction)
	everyAction = slices.Compact(everyAction)
	for _, s := range statements {
		everyResource = append(everyResource, s.Resource...)
	}
	everyResource = append(everyResource, "*", "arn:aws:s3:::"+here.DataBucket()+"/*",
		"arn:aws:s3:::"+here.DataBucket()+"/unheard-of/*", "arn:aws:s3:::*")
	for i, s := range statements {
		if s.By != "" {
			continue // JudgePerformed checks these
		}
		want("without "+s.Sid, slices.Delete(slices.Clone(statements), i, i+1))
		for j, a := range s.Action {
			want(s.Sid+" without "+a, with(i, func(s *Statement) { s.Action = without(s.Action, j) }))
		}
		for j, r := range s.Resource {
			want(s.Sid+" without "+r, with(i, func(s *Statement) { s.Resource = without(s.Resource, j) }))
			if _, key, ok := strings.Cut(strings.TrimPrefix(r, "arn:aws:s3:::"), "/"); ok {
				wider := strings.TrimSuffix(r, key) + "*"
				want(s.Sid+" with "+wider+" in the place of "+r, with(i, func(s *Statement) {
					s.Resource = append(without(s.Resource,
						j), wider)
				}))
			}
		}
		for _, a := range everyAction {
			if !slices.Contains(s.Action, a) {
				want(s.Sid+" with "+a, with(i, func(s *Statement) { s.Action = append(slices.Clone(s.Action), a) }))
				want("another statement as "+s.Sid+", for "+a, append(slices.Clone(statements), Statement{Sid: "More", Effect: "Allow",
					Action: []string{a}, Resource: s.Resource}))
			}
		}
		for _, r := range everyResource {
			if !slices.Contains(s.Resource, r) {
				want(s.Sid+" with "+r, with(i, func(s *Statement) { s.Resource = append(slices.Clone(s.Resource), r) }))
			}
		}
		for operator, keys := range s.Condition {
			want(s.Sid+" without its condition", with(i, func(s *Statement) { s.Condition = nil }))
			for key, values := range keys.(map[string]any) {
				list := values.([]any)
				set := func(list []any) []Statement {
					return with(i, func(s *Statement) { s.Condition = map[string]any{operator: map[string]any{key: list}} })
				}
				for j, v := range list {
					want(s.Sid+" without "+v.(string), set(slices.Delete(slices.Clone(list), j, j+1)))
				}
				want(s.Sid+" with another "+key, set(append(slices.Clone(list), "unheard-of/*")))
				want(s.Sid+" with any "+key, set(append(slices.Clone(list), "*")))
			}
		}
	}
	if seen < 100 {
		t.Errorf("tried only %d changes", seen)
	}
}
