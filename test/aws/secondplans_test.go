//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkPlans checks a folder of plans. It fails for every difference that neither plan_allow.txt nor expected names, for every line of
// plan_allow.txt that no plan needs, and for every expected difference that no plan has. An expected line is "<root>: <difference>".
func checkPlans(t *testing.T, folder string, expected []string) {
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
		t.Fatalf("%d plans in %s, want one for each of the %d roots (%v)", len(plans), folder, len(roots()), err)
	}
	needed, found := map[Allowed]bool{}, map[string]bool{}
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
				found[line] = true
				continue
			}
			t.Errorf("a second plan would change: %s", line)
		}
		for _, a := range allowed {
			needed[a] = needed[a] || !slices.Contains(unused, a)
		}
	}
	for _, line := range expected {
		if !found[line] {
			t.Errorf("changed by hand, but no plan reports it: %s", line)
		}
	}
	for a, is := range needed {
		if !is {
			t.Errorf("plan_allow.txt: no plan changes %s of %s any more; remove the line", a.Attribute, a.Address)
		}
	}
}
