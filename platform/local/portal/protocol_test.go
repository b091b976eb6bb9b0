package portal

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source/portals"
)

// Every portal kind has a simulator, and every simulator belongs to a kind.
func TestEveryKindHasASimulator(t *testing.T) {
	t.Parallel()
	for _, kind := range portals.All {
		if _, err := findProtocol(kind.Name); err != nil {
			t.Error(err)
		}
	}
	for _, p := range protocols {
		if _, err := portals.All.Find(p.kind); err != nil {
			t.Errorf("simulator: %v", err)
		}
		if p.locate == nil || p.respond == nil || p.refuse == nil || p.parse == nil || p.load == nil {
			t.Errorf("the simulator of %s is incomplete: it needs locate, respond, refuse, parse and load", p.kind)
		}
	}
}

// An unknown kind is an error in every function that takes a kind.
func TestUnknownKindIsRejected(t *testing.T) {
	t.Parallel()
	p := New(Options{RegisterRows: 1, Addresses: map[string]string{"ftp": "127.0.0.1:0"}})
	if err := p.Start(t.Context()); err == nil || !strings.Contains(err.Error(), `"ftp"`) {
		t.Errorf("start: %v", err)
	}
	if _, err := p.Handler("ftp"); err == nil || !strings.Contains(err.Error(), `"ftp" has no simulator`) {
		t.Errorf("handler: %v", err)
	}
	if err := p.Add("ftp", Dataset{ID: "a"}); err == nil || !strings.Contains(err.Error(), `"ftp"`) {
		t.Errorf("add: %v", err)
	}
	if url := p.URL("ftp"); url != "" {
		t.Errorf("URL %q", url)
	}
	if err := p.SetFaults(Fault{Kind: Slow, Delay: 1, Portal: "ftp"}); err == nil || !strings.Contains(err.Error(), `"ftp"`) {
		t.Errorf("fault: %v", err)
	}
}
