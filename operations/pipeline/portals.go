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

// The values of --portal besides addresses.
const (
	PortalSimulator = "simulator"
	PortalLive      = "live"
)

// portalSetup is where a run requests the portals.
type portalSetup struct {
	spec      string
	addresses runtime.Portals
	// simulated: the requests do not go to the real portals, so the data may be published only in this local lake
	// (invariant 11). The gate decides by the origin that the data themselves state.
	simulated bool
	close     func()
}

// checkPortal parses a --portal without starting anything.
func checkPortal(spec string) (runtime.Portals, error) {
	switch spec {
	case "", PortalSimulator, PortalLive:
		return nil, nil
	}
	addresses, err := runtime.ParsePortals(spec)
	if err == nil && len(addresses) == 0 {
		err = fmt.Errorf("%q names no portal; write kind=address", spec)
	}
	if err != nil {
		return nil, fmt.Errorf("--portal: %w", err)
	}
	return addresses, nil
}

// openPortals starts the simulator if it is requested and none is given.
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
		// It outlives the interruption of a run, because the fetcher finishes its page before the services stop.
		if err := given.Start(context.WithoutCancel(ctx)); err != nil {
			return nil, err
		}
		p.close = given.Close
	}
	p.simulated = true
	p.addresses = given.URLs()
	return p, nil
}

// describe returns for people what is being read.
func (p *portalSetup) describe() string {
	switch p.spec {
	case PortalSimulator:
		return "the simulator in this process: the data are simulated (use --portal live for the real portals)"
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

// CheckPortal returns an error if Portal is not valid. It starts nothing.
func (s Settings) CheckPortal() error {
	_, err := checkPortal(s.Portal)
	return err
}

func portalFile(dir string) string { return filepath.Join(dir, "portal.json") }

type portalNote struct {
	Portal string `json:"portal"`
}

// writePortal records the --portal of a directory, so that a later resumption or replay does not read another portal by
// accident.
func writePortal(dir, spec string) error {
	return writeFile(portalFile(dir), lake.Encode(portalNote{spec}))
}

// LastPortal returns the --portal of the last run in a directory; "" if the directory has none.
func LastPortal(dir string) string {
	var note portalNote
	if b, err := os.ReadFile(portalFile(dir)); err != nil || json.Unmarshal(b, &note) != nil {
		return ""
	}
	return note.Portal
}
