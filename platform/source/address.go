package source

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// isLoopback says whether an address is this machine's own.
func isLoopback(u *url.URL) bool {
	host := u.Hostname()
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// refusedError says that an address must not be asked at all.
type refusedError struct{ reason string }

func (e refusedError) Error() string { return e.reason }

// permit checks an address against the allow-list.
func permit(u *url.URL, allow []string) error {
	switch {
	case u.Host == "":
		return refusedError{fmt.Sprintf("address %q names no host", u.Redacted())}
	case u.User != nil:
		return refusedError{fmt.Sprintf("the address of host %s carries a user name or password", u.Host)}
	case isLoopback(u) && (u.Scheme == "http" || u.Scheme == "https"):
		return nil
	case u.Scheme != "https":
		return refusedError{fmt.Sprintf("%s://%s is not https, and only loopback may do without", u.Scheme, u.Host)}
	}
	if !slices.ContainsFunc(allow, func(h string) bool {
		return strings.EqualFold(h, u.Host) || strings.EqualFold(h+":443", u.Host)
	}) {
		return refusedError{fmt.Sprintf("host %s is not on the allow-list (%s)", u.Host, strings.Join(allow, ", "))}
	}
	return nil
}

// maxRedirects bounds the hops that one request may be sent on.
const maxRedirects = 5

// redirects follows a portal only to places that might be asked directly, and never from the network to this
// machine or back: that would let one pass for the other (invariant 11).
func redirects(allow []string) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if len(via) > maxRedirects {
			return refusedError{fmt.Sprintf("%s redirects more than %d times", first.Host, maxRedirects)}
		}
		if err := permit(next.URL, allow); err != nil {
			return refusedError{fmt.Sprintf("%s redirects to where we must not go: %v", first.Host, err)}
		}
		if isLoopback(next.URL) != isLoopback(first) {
			return refusedError{fmt.Sprintf("%s redirects to %s: a portal and this machine must not be mixed", first.Host, next.URL.Host)}
		}
		if !strings.EqualFold(next.URL.Host, first.Host) {
			next.Header.Del(tokenHeader) // the token is for the portal it was given for
		}
		return nil
	}
}

// systemHeader is how a simulator says what it is.
const systemHeader = "X-Llac-Source-System"

// simulator is the source system of simulated data.
const simulator = "simulator"

// sourceSystem names where an answer came from. Whoever says it is a simulator is believed; who does not is
// named by its host only when it is an official portal.
//
// Invariant 11: simulated is never mistaken for real.
func sourceSystem(u *url.URL, h http.Header) string {
	if h.Get(systemHeader) == simulator {
		return simulator
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	if !isLoopback(u) && slices.Contains(OfficialHosts(), host) {
		return host
	}
	return "unofficial:" + host
}

// base parses a target's base address.
func base(t Target) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(t.BaseURL, "/"))
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("base address of the portal is not a plain scheme and host, such as https://%s", OfficialHosts()[0])
	}
	return u, nil
}

// rebase puts the address of a planned page onto the target's base: an extraction may be continued by another
// process that reaches the same portal elsewhere, and a page never leads to another host than the target's.
func rebase(b *url.URL, page string) (string, error) {
	u, err := url.Parse(page)
	if err != nil {
		return "", fmt.Errorf("address of the planned page cannot be read: %w", err)
	}
	u.Scheme, u.Host, u.User = b.Scheme, b.Host, b.User
	return u.String(), nil
}

// readable undoes the percent-encoding of characters that need none in a query, so that a person can read the
// addresses in a manifest.
var readable = strings.NewReplacer("%24", "$", "%3A", ":", "%2C", ",", "%28", "(", "%29", ")", "%2A", "*")

// query encodes names and values, given in turn.
func query(pairs ...string) string {
	var b strings.Builder
	for k := 0; k+1 < len(pairs); k += 2 {
		if k > 0 {
			b.WriteByte('&')
		}
		b.WriteString(readable.Replace(url.QueryEscape(pairs[k])))
		b.WriteByte('=')
		b.WriteString(readable.Replace(url.QueryEscape(pairs[k+1])))
	}
	return b.String()
}
