package lake_test

import (
	"testing"

	"github.com/llac-project/llac/platform/lake"
)

const (
	officialAddress = "https://portal.example/api"
	official        = lake.Origin("portal.example")
)

func TestOfficialOrigin(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]lake.Origin{
		officialAddress: official, "https://Portal.Example:443": official, "http://127.0.0.1:9000": "127.0.0.1:9000", "://": "",
	} {
		if got := lake.OfficialOrigin(address); got != want {
			t.Errorf("OfficialOrigin(%q) = %q, want %q", address, got, want)
		}
	}
}

// Invariant 11.
func TestOriginsOfSimulatedAndRealData(t *testing.T) {
	t.Parallel()
	simulator, mirror, generated := lake.SimulatorOrigin, lake.UnofficialOrigin("mirror.example"), lake.Origin("")
	for origin, want := range map[lake.Origin]bool{
		simulator: true, mirror: true, lake.UnofficialOrigin("manual"): true, "unofficial": true, official: false, generated: false,
	} {
		if origin.Simulated() != want {
			t.Errorf("%q: simulated %v, want %v", origin, !want, want)
		}
	}
	type rules struct{ replace, refer, alike, join bool }
	for _, c := range []struct {
		origin, other lake.Origin
		want          rules
	}{
		{official, official, rules{replace: true, refer: true, alike: true, join: true}},
		{official, "other.example", rules{replace: true, refer: true, alike: true}},
		{official, simulator, rules{replace: true}},
		{official, mirror, rules{replace: true}},
		{simulator, official, rules{refer: true}},
		{mirror, official, rules{refer: true}},
		{simulator, simulator, rules{replace: true, refer: true, alike: true, join: true}},
		{simulator, mirror, rules{replace: true, refer: true, alike: true}},
	} {
		o := c.origin
		if got := (rules{o.MayReplace(c.other), o.MayReferTo(c.other), o.Alike(c.other), o.MayJoin(c.other)}); got != c.want {
			t.Errorf("%q with %q: %+v, want %+v", c.origin, c.other, got, c.want)
		}
	}
}

func TestOriginMayComeFrom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origin  lake.Origin
		address string
		want    bool
	}{
		{official, officialAddress, true},
		{official, "http://127.0.0.1:9000", false},
		{lake.SimulatorOrigin, officialAddress, false},
		{lake.SimulatorOrigin, "http://127.0.0.1:9000", true},
		{"other.example", officialAddress, false},
	} {
		if got := c.origin.MayComeFrom(c.address, officialAddress); got != c.want {
			t.Errorf("%q from %s: %v, want %v", c.origin, c.address, got, c.want)
		}
	}
}
