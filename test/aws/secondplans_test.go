//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// SecondPlans fails for every difference in a folder of plans that neither plan_allow.txt nor expected names, for every line of the list that no
// plan needs, and for everything expected that no plan has. Expected are lines of "<root>: <difference>".
func SecondPlans(t *testing.T, folder string, expected []string) {
	t.Helper()
	text, err := os.ReadFile("plan_allow.txt")
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := ParseAllowed(string(text))
	if err != nil {
		t.Fatal(err)
	}
	plans, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(plans) < len(roots()) {
		t.Fatalf("%d plans in %s, want one of each of the %d roots (%v)", len(plans), folder, len(roots()), err)
	}
	needed, met := map[Allowed]bool{}, map[string]bool{}
	for _, name := range plans {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		differences, err := Differences(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		unexpected, unused := Judge(differences, allowed)
		for _, d := range unexpected {
			line := strings.TrimSuffix(filepath.Base(name), ".json") + ": " + d.String()
			if slices.Contains(expected, line) {
				met[line] = true
				continue
			}
			t.Errorf("a second plan would change: %s", line)
		}
		for _, a := range allowed {
			needed[a] = needed[a] || !slices.Contains(unused, a)
		}
	}
	for _, line := range expected {
		if !met[line] {
			t.Errorf("changed by hand, and no plan tells of it: %s", line)
		}
	}
	for a, is := range needed {
		if !is {
			t.Errorf("plan_allow.txt: no plan changes %s of %s any more; take the line out", a.Attribute, a.Address)
		}
	}
}
