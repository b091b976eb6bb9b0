package portal

import (
	"fmt"
	"net/http"
	"net/url"
)

// protocol is the simulator of one portal kind.
type protocol struct {
	kind string
	// locate returns the dataset and page that a request selects.
	locate func(r *http.Request, form url.Values) place
	// respond returns the response. It applies the faults that alter a dataset.
	respond func(p *Portal, r *http.Request, form url.Values, faults []Fault) answer
	// refuse returns the portal's own body for the status of a fault.
	refuse func(status int) answer
	// classError returns an error body with status 200; nil: the portal sends none, and the fault is a status 500.
	classError func(id string) answer
	// parse reads the parameters of a request: those of its query and, if the protocol has any there, of its body.
	parse func(r *http.Request, body []byte) (url.Values, error)
	// load adds the datasets that the simulator serves from the start.
	load func(p *Portal, f facts) error
}

// protocols lists the simulated portal kinds. Every kind of portals.All must be here: a simulator that lacks one does not
// start, so that no run with the simulator ever reaches a real portal.
var protocols = []protocol{
	socrataProtocol,
	idescatProtocol,
	ckanProtocol,
}

// findProtocol returns the simulator of a kind.
func findProtocol(kind string) (protocol, error) {
	for _, p := range protocols {
		if p.kind == kind {
			return p, nil
		}
	}
	return protocol{}, fmt.Errorf("portal kind %q has no simulator; add its protocol to the list in platform/local/portal/protocol.go",
		kind)
}
