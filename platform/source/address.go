package source

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// isLoopback reports whether an address is on this machine.
func isLoopback(u *url.URL) bool {
	host := u.Hostname()
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// refusedError is the reason why an address must not be requested at all.
type refusedError struct{ reason string }

func (e refusedError) Error() string { return e.reason }

// permit checks an address against the allow-list.
func permit(u *url.URL, allow []string) error {
	switch {
	case u.Host == "":
		return refusedError{fmt.Sprintf("address %q names no host", u.Redacted())}
	case u.User != nil:
		return refusedError{fmt.Sprintf("the address of host %s contains a user name or password", u.Host)}
	case isLoopback(u) && (u.Scheme == "http" || u.Scheme == "https"):
		return nil
	case u.Scheme != "https":
		return refusedError{fmt.Sprintf("%s://%s is not https, which only loopback addresses may omit", u.Scheme, u.Host)}
	}
	if !slices.ContainsFunc(allow, func(h string) bool {
		return strings.EqualFold(h, u.Host) || strings.EqualFold(h+":443", u.Host)
	}) {
		return refusedError{fmt.Sprintf("host %s is not on the allow-list (%s)", u.Host, strings.Join(allow, ", "))}
	}
	return nil
}

// maxRedirects limits the redirects of one request.
const maxRedirects = 5

// redirects follows a portal only to addresses that might be requested directly, and never from the network to this
// machine or back: that would let one pass for the other (invariant 11). The token header stays with the first host.
func redirects(allow []string, tokenHeader string) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if len(via) > maxRedirects {
			return refusedError{fmt.Sprintf("%s redirects more than %d times", first.Host, maxRedirects)}
		}
		if err := permit(next.URL, allow); err != nil {
			return refusedError{fmt.Sprintf("%s redirects to an address that is not permitted: %v", first.Host, err)}
		}
		if isLoopback(next.URL) != isLoopback(first) {
			return refusedError{fmt.Sprintf("%s redirects to %s: a portal and this machine must not be mixed", first.Host, next.URL.Host)}
		}
		if tokenHeader != "" && !strings.EqualFold(next.URL.Host, first.Host) {
			next.Header.Del(tokenHeader) // the token is for the portal it was given for
		}
		return nil
	}
}

// SystemHeader is the response header in which a simulator identifies itself.
const SystemHeader = "X-Llac-Source-System"

// Simulator is the source system of simulated data, and the value of SystemHeader.
const Simulator = "simulator"

// unofficial starts the source system of data that no official portal sent.
const unofficial = "unofficial"

// Unofficial returns the source system of data that no official portal sent: name is the host that served them, or the way by
// which they came, such as "manual".
func Unofficial(name string) string { return unofficial + ":" + name }

// IsUnofficial reports whether a source system names no official portal.
func IsUnofficial(system string) bool { return strings.HasPrefix(system, unofficial) }

// Host returns the host of an address in the form in which it names an official portal.
func Host(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Host), ":443") }

// sourceSystem names where an answer came from. A server that calls itself a simulator is believed; any other is named
// by its host only when the host is official.
//
// Invariant 11: simulated is never mistaken for real.
func sourceSystem(u *url.URL, h http.Header, officialHosts []string) string {
	if h.Get(SystemHeader) == Simulator {
		return Simulator
	}
	host := Host(u)
	if !isLoopback(u) && slices.Contains(officialHosts, host) {
		return host
	}
	return Unofficial(host)
}

// Place is the part of a target that the clients of all kinds check alike.
type Place struct {
	Base     *url.URL // scheme, host and perhaps a path, without a trailing slash
	PageSize int64    // within what the portal serves
}

// Locate checks a target's base address and id.
func (c *Caller) Locate(op string, t Target) (Place, error) {
	u, err := url.Parse(strings.TrimRight(t.BaseURL, "/"))
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return Place{}, c.Misconfigured(op,
			fmt.Errorf("the portal's base address is not a plain scheme and host, such as https://%s", c.Kind.Hosts[0]))
	}
	if !c.Kind.ID.Form.MatchString(t.ID) {
		return Place{}, c.Misconfigured(op, fmt.Errorf("%.80q is not a source id: %s", t.ID, c.Kind.ID.Hint()))
	}
	size := int64(c.Kind.PageSize.Default)
	if t.PageSize > 0 {
		size = int64(min(t.PageSize, c.Kind.PageSize.Max))
	}
	return Place{u, size}, nil
}

// rebase puts the address of a planned page onto the target's base: another process, which reaches the same portal at
// another address, may continue an extraction, and a page never leads to another host than the target's.
func rebase(b *url.URL, page string) (string, error) {
	u, err := url.Parse(page)
	if err != nil {
		return "", fmt.Errorf("the address of the planned page cannot be parsed: %w", err)
	}
	u.Scheme, u.Host, u.User = b.Scheme, b.Host, b.User
	return u.String(), nil
}

// readable undoes the percent-encoding of characters that need none in a query, so that a person can read the addresses
// in a manifest.
var readable = strings.NewReplacer("%24", "$", "%3A", ":", "%2C", ",", "%28", "(", "%29", ")", "%2A", "*")

// Query encodes pairs of a name and a value, in the given order.
func Query(pairs ...string) string {
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

// Numbers stores the whole numbers of a query in the variables that are listed by name. A name that is absent, or that has
// another value, leaves its variable unchanged.
func Numbers(query url.Values, into map[string]*int64) {
	for name, variable := range into {
		if n, err := strconv.ParseInt(query.Get(name), 10, 64); err == nil {
			*variable = n
		}
	}
}
