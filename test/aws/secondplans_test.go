package aws

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// SecondPlans fails for every difference in a folder of plans that plan_allow.txt does not name, and for every line of it that
// no plan needs.
func SecondPlans(t *testing.T, folder string) {
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
	if err != nil || len(plans) < 12 {
		t.Fatalf("%d plans in %s, want one of each of the twelve roots (%v)", len(plans), folder, err)
	}
	needed := map[Allowed]bool{}
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
			t.Errorf("%s: a second plan would %s", filepath.Base(name), d)
		}
		for _, a := range allowed {
			needed[a] = needed[a] || !slices.Contains(unused, a)
		}
	}
	for a, is := range needed {
		if !is {
			t.Errorf("plan_allow.txt: no plan changes %s of %s any more; take the line out", a.Attribute, a.Address)
		}
	}
}
