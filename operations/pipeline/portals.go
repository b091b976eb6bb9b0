package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/source/portals"
)

// The words that --portal understands besides addresses.
const (
	PortalSimulator = "simulator"
	PortalLive      = "live"
)

// portalSetup is where a run requests the portals.
type portalSetup struct {
	spec      string
	addresses runtime.Portals
	// simulated: something else than the real portals is asked, so that what comes may be published in this local
	// lake only (invariant 11). The gate decides by what the data say of themselves.
	simulated bool
	close     func()
}

// checkPortal reads a --portal without starting anything.
func checkPortal(spec string) (runtime.Portals, error) {
	switch spec {
	case "", PortalSimulator, PortalLive:
		return nil, nil
	}
	addresses, err := runtime.ParsePortals(spec)
	if err == nil && len(addresses) == 0 {
		err = fmt.Errorf("no portal is named in %q", spec)
	}
	if err != nil {
		return nil, fmt.Errorf("--portal: %w", err)
	}
	return addresses, nil
}

// openPortals starts the simulator where it is asked for and none is given.
func openPortals(ctx context.Context, spec string, given *portal.Portal, o portal.Options) (*portalSetup, error) {
	p := &portalSetup{spec: spec, close: func() {}}
	if spec == "" {
		p.spec = PortalSimulator
	}
	switch p.spec {
	case PortalLive:
		return p, nil
	case PortalSimulator:
	default:
		addresses, err := checkPortal(spec)
		if err != nil {
			return nil, err
		}
		p.addresses, p.simulated = addresses, true
		return p, nil
	}
	if given == nil {
		given = portal.New(o)
		// It outlives the interruption of a run: the fetcher finishes its page before the services stop.
		if err := given.Start(context.WithoutCancel(ctx)); err != nil {
			return nil, err
		}
		p.close = given.Close
	}
	p.simulated = true
	p.addresses = given.URLs()
	return p, nil
}

// describe says in words what is being read.
func (p *portalSetup) describe() string {
	switch p.spec {
	case PortalSimulator:
		return "the simulator in this process: the data are simulated (say --portal live for the real portals)"
	case PortalLive:
		return "the real portals"
	}
	var real []string
	for _, kind := range portals.All.Names() {
		if p.addresses[kind] == "" {
			real = append(real, kind)
		}
	}
	if len(real) == 0 {
		return p.spec
	}
	return p.spec + "; " + strings.Join(real, " and ") + ": the real portal"
}

// CheckPortal says whether Portal can be read, without starting anything.
func (s Settings) CheckPortal() error {
	_, err := checkPortal(s.Portal)
	return err
}

func portalFile(dir string) string { return filepath.Join(dir, "portal.json") }

type portalNote struct {
	Portal string `json:"portal"`
}

// writePortal notes what --portal a directory is run with, so that what comes later, a resumption or a replay, does not
// read another portal by accident.
func writePortal(dir, spec string) error {
	return writeFile(portalFile(dir), lake.Encode(portalNote{spec}))
}

// LastPortal is the --portal of the last run in a directory; "" where there was none.
func LastPortal(dir string) string {
	var note portalNote
	if b, err := os.ReadFile(portalFile(dir)); err != nil || json.Unmarshal(b, &note) != nil {
		return ""
	}
	return note.Portal
}
