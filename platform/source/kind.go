package source

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is everything that Llac knows about one kind of portal. A kind is one package that exports one value of this
// type, and one line in the list portals.All. Contracts, clients, readers, --portal and the simulator derive from it.
type Kind struct {
	Name  string   // value of llacPortal in contracts and of --portal: "socrata"
	Title string   // product name for people: "Socrata"
	Hosts []string // official hosts: the only ones whose data carry the host's own name (invariant 11)

	// RequestsPerSecond is the default rate per host.
	RequestsPerSecond float64
	// AtOnce is how many pages of an extraction may be requested before the first of them has arrived; 0: one.
	AtOnce int

	ID       IDRule
	PageSize PageSize

	// Client returns the kind's client, which sends its requests through the caller.
	Client func(*Caller) Client
	// Reader returns a new page reader.
	Reader func() Reader
	// Problem decodes an error body. It reports false for a body that is not one.
	Problem func(body []byte) (Problem, bool)

	// The rest is optional.

	// TokenHeader is the request header that carries the application token; empty: the portal takes none. TokenVariable is
	// the environment variable that holds the token.
	TokenHeader, TokenVariable string
	// RequestIDHeader is the response header with the portal's request id, besides X-Request-Id.
	RequestIDHeader string
	// BadRequestHint states what a person can check when the portal returns 400 or 409.
	BadRequestHint string
	// Roles are the pseudo-fields that the reader can make from the role of a dimension, each starting with RolePrefix.
	Roles []string
	// IsDerived reports whether the reader, and not the portal, makes the field. nil: the reader makes none.
	IsDerived func(field string) bool
	// RowID is the field with the portal's own number of a row; empty: the portal does not number rows. A number that occurs
	// twice in an extraction proves that its pages overlap.
	RowID string
	// StatesSource: pages name their table or resource. Otherwise only the simulator's mark is known of a page's source.
	StatesSource bool
	// Asked returns what the page of a planned request states. nil: pages state nothing of their request.
	Asked func(PageRequest) (Identity, error)
	// Selection returns the categories that a target's parameters select, by dimension. nil: pages state no categories.
	Selection func(params map[string]string) map[string][]string
}

// IDRule is the form of a source id.
type IDRule struct {
	Form        *regexp.Regexp
	Description string // the form in words: "a Socrata id is two groups of four characters"
	Example     string
}

// Hint explains the form to a person.
func (r IDRule) Hint() string { return fmt.Sprintf("%s, e.g. %q", r.Description, r.Example) }

// PageSize holds the limits of a page, in rows.
type PageSize struct {
	Default int
	Max     int // larger requests are reduced to this
}

// derived reports whether the reader, and not the portal, makes the field.
func (k Kind) derived(field string) bool { return k.IsDerived != nil && k.IsDerived(field) }

// missing returns the names of the required parts that the kind lacks.
func (k Kind) missing() []string {
	var out []string
	for _, part := range []struct {
		name   string
		exists bool
	}{
		{"Name", k.Name != ""}, {"Title", k.Title != ""}, {"Hosts", len(k.Hosts) > 0}, {"RequestsPerSecond", k.RequestsPerSecond > 0},
		{"ID", k.ID.Form != nil && k.ID.Description != "" && k.ID.Form.MatchString(k.ID.Example)}, {"PageSize",
			k.PageSize.Default > 0 && k.PageSize.Max >= k.PageSize.Default},
		{"Client", k.Client != nil}, {"Reader", k.Reader != nil}, {"Problem", k.Problem != nil},
		{"TokenVariable", k.TokenVariable != "" || k.TokenHeader == ""},
	} {
		if !part.exists {
			out = append(out, part.name)
		}
	}
	return out
}

// Kinds is a list of portal kinds.
type Kinds []Kind

// Names returns the kinds' names, in the order of the list.
func (k Kinds) Names() []string {
	out := make([]string, len(k))
	for i, kind := range k {
		out[i] = kind.Name
	}
	return out
}

// Hosts returns the official hosts of all kinds: the default allow-list of a client.
func (k Kinds) Hosts() []string {
	var out []string
	for _, kind := range k {
		out = append(out, kind.Hosts...)
	}
	return out
}

// MaxPageSize returns the largest page that any of the kinds serves, in rows.
func (k Kinds) MaxPageSize() int {
	largest := 0
	for _, kind := range k {
		largest = max(largest, kind.PageSize.Max)
	}
	return largest
}

// Find returns the kind of a name. An unknown or incomplete kind is an error, never another kind.
func (k Kinds) Find(name string) (Kind, error) {
	i := slices.IndexFunc(k, func(kind Kind) bool { return kind.Name == name })
	if i < 0 {
		return Kind{}, fmt.Errorf("unknown portal kind %q; use one of %s", name, strings.Join(k.Names(), ", "))
	}
	if missing := k[i].missing(); len(missing) > 0 {
		return Kind{}, fmt.Errorf("portal kind %q is incomplete: its source.Kind lacks %s", name, strings.Join(missing, ", "))
	}
	return k[i], nil
}

// AppTokens returns the application tokens that are set, by the environment variable of their kind.
func (k Kinds) AppTokens(getenv func(string) string) map[string]string {
	out := map[string]string{}
	for _, kind := range k {
		if kind.TokenVariable == "" {
			continue
		}
		if token := getenv(kind.TokenVariable); token != "" {
			out[kind.TokenVariable] = token
		}
	}
	return out
}

// IsDerived reports whether a page reader, and not the portal, makes the field. An unknown kind makes none.
func (k Kinds) IsDerived(name, field string) bool {
	kind, err := k.Find(name)
	return err == nil && kind.derived(field)
}

// NewClient returns the client of a portal kind. Several goroutines may use it at once.
func (k Kinds) NewClient(name string, o Options) (Client, error) {
	kind, err := k.Find(name)
	if err != nil {
		return nil, fmt.Errorf("make a portal client: %w", err)
	}
	o.AppToken = strings.TrimSpace(o.AppToken)
	if strings.ContainsFunc(o.AppToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("make a %s client: the app token contains a space or a control character; set it again", name)
	}
	return kind.Client(newCaller(kind, k, o.filled(k.Hosts()))), nil
}

// NewReader returns a reader of a kind's pages.
func (k Kinds) NewReader(name string) (Reader, error) {
	kind, err := k.Find(name)
	if err != nil {
		return nil, fmt.Errorf("read a page: %w", err)
	}
	return kind.Reader(), nil
}

// Rows decodes one page with a new reader.
func (k Kinds) Rows(name string, page []byte, yield func(Row) error) error {
	r, err := k.NewReader(name)
	if err != nil {
		return err
	}
	return r.Rows(page, yield)
}

// problem decodes an error body in the shape of the given kind, or else of any other: a portal's gateway or proxy may
// use another product's shape.
func (k Kinds) problem(own Kind, body []byte) (Problem, bool) {
	if p, ok := own.Problem(body); ok {
		return p, true
	}
	for _, kind := range k {
		if kind.Name == own.Name || kind.Problem == nil {
			continue
		}
		if p, ok := kind.Problem(body); ok {
			return p, true
		}
	}
	return Problem{}, false
}
