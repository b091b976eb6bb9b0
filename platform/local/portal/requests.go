package portal

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is one request that the simulator received.
type Request struct {
	Portal  string // name of the portal kind
	Method  string
	Target  string      // path and query as sent; an app token in it is blanked
	Header  http.Header // as sent; the value of X-App-Token is replaced by "present" or ""
	Body    string      // of a POST, at most 64 KiB
	Dataset string      // 4x4, table id or resource id; empty if none
	Offset  int         // of a page
	Page    bool        // a request for a page of data
	Status  int         // of the response; 0 if the connection was reset
	Faults  []FaultKind // that the request met
	At      time.Time   // on the portal's clock
}

// requestsKept limits the log: older requests are removed.
const requestsKept = 20_000

// Requests returns the requests served so far, oldest first.
func (p *Portal) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// ForgetRequests empties the log.
func (p *Portal) ForgetRequests() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
}

func (p *Portal) record(r Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) >= requestsKept {
		p.requests = slices.Delete(p.requests, 0, requestsKept/10)
	}
	p.requests = append(p.requests, r)
}

const tokenHeader = "X-App-Token"

// loggable returns the logged part of a request, without the token, which is a secret.
func loggable(kind string, r *http.Request, body []byte, at place, now time.Time) Request {
	header := r.Header.Clone()
	if values, ok := header[tokenHeader]; ok && len(values) > 0 && values[0] != "" {
		header[tokenHeader] = []string{"present"}
	}
	target := r.URL.Path
	if r.URL.RawQuery != "" {
		pairs := strings.Split(r.URL.RawQuery, "&")
		for i, pair := range pairs {
			if name, _, _ := strings.Cut(pair, "="); strings.HasSuffix(name, "app_token") {
				pairs[i] = name + "=present"
			}
		}
		target += "?" + strings.Join(pairs, "&")
	}
	return Request{
		Portal: kind, Method: r.Method, Target: target, Header: header, Body: string(body[:min(len(body), 64<<10)]),
		Dataset: at.dataset, Offset: at.offset, Page: at.page, At: now,
	}
}
