package portal

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
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
	// other returns the request for another dataset that replaces a request.
	other func(r *http.Request, form url.Values, dataset string) *http.Request
	// offset and limit are the parameters of a page's position and size; empty: the protocol has none.
	offset, limit string
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

// substitute returns the request that replaces a request, because of a fault.
func (p protocol) substitute(r *http.Request, form url.Values, faults []Fault) (*http.Request, url.Values) {
	form = maps.Clone(form)
	number := func(name string) int {
		n, err := strconv.Atoi(form.Get(name))
		if err != nil {
			return 0
		}
		return n
	}
	for _, f := range faults {
		switch {
		case f.Kind == Swapped:
			r = p.other(r, form, f.Other)
		case f.Kind == Misplaced && p.offset != "":
			start := 0
			if f.Rows > 0 {
				start = max(number(p.offset)-f.Rows, 0)
			}
			form.Set(p.offset, strconv.Itoa(start))
		case f.Kind == Capped && p.limit != "":
			form.Set(p.limit, strconv.Itoa(min(number(p.limit), f.Rows)))
		}
	}
	return r, form
}

// at returns the request at another path.
func at(r *http.Request, path string) *http.Request {
	other := r.Clone(r.Context())
	other.URL.Path = path
	return other
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
