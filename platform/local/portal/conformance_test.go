package portal

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// The conformance suite of the clients runs against the simulator as well as against the fakes of the client tests, so that
// simulator and fakes cannot diverge.
func TestClientsConform(t *testing.T) {
	t.Parallel()
	value := func(r source.Row, name string) string {
		for _, f := range r.Fields {
			if f.Name == name {
				return string(f.Raw)
			}
		}
		return ""
	}
	for name, portal := range map[string]func(*testing.T) sourcetest.Portal{
		"socrata municipalities": func(t *testing.T) sourcetest.Portal {
			p := New(Options{RegisterRows: 1})
			return sourcetest.Portal{
				Handler: handler(t, p, socrata.Name), Rows: 949, System: SystemName,
				Target:    source.Target{Kind: socrata.Name, ID: MunicipalitiesID, PageSize: 300},
				Republish: func() { mustRepublish(t, p.Republish(MunicipalitiesID, nil)) },
				Key:       func(r source.Row) string { return value(r, "codi") },
			}
		},
		"socrata register": func(t *testing.T) sourcetest.Portal {
			p := New(Options{RegisterRows: 250})
			return sourcetest.Portal{
				Handler: handler(t, p, socrata.Name), Rows: 250, System: SystemName,
				Target:    source.Target{Kind: socrata.Name, ID: RegisterID, PageSize: 100},
				Republish: func() { mustRepublish(t, p.RepublishAs(RegisterID, ChangeEdit, "")) },
			}
		},
		"idescat population": func(t *testing.T) sourcetest.Portal {
			p := New(Options{RegisterRows: 1})
			return sourcetest.Portal{
				Handler: handler(t, p, idescat.Name), Rows: 2 * 949 * 3, System: SystemName,
				Target:    source.Target{Kind: idescat.Name, ID: PopulationTable, PageSize: 1500},
				Republish: func() { mustRepublish(t, p.RepublishTable(PopulationTable, nil)) },
				Key: func(r source.Row) string {
					return strings.Join([]string{value(r, "YEAR"), value(r, "MUN"), value(r, "SEX")}, " ")
				},
			}
		},
		"idescat quarterly GDP": func(t *testing.T) sourcetest.Portal {
			p := New(Options{RegisterRows: 1})
			return sourcetest.Portal{
				Handler: handler(t, p, idescat.Name), Rows: 104 * 10 * 2, System: SystemName,
				Target:    source.Target{Kind: idescat.Name, ID: GDPTable, PageSize: 600},
				Republish: func() { mustRepublish(t, p.RepublishTable(GDPTable, nil)) },
				Key: func(r source.Row) string {
					return strings.Join([]string{value(r, "QUARTER"), value(r, "SECTOR"), value(r, "CONCEPT")}, " ")
				},
			}
		},
		"idescat sparse": func(t *testing.T) sourcetest.Portal {
			p := New(Options{RegisterRows: 1})
			return sourcetest.Portal{
				Handler: handler(t, p, idescat.Name), Rows: 3 * 44, System: SystemName,
				Target:    source.Target{Kind: idescat.Name, ID: SparseTable, PageSize: 44},
				Republish: func() { mustRepublish(t, p.RepublishAs(SparseTable, ChangeEdit, "")) },
				Key:       func(r source.Row) string { return value(r, "YEAR") + value(r, "COM") },
			}
		},
		"idescat beyond the limit": func(t *testing.T) sourcetest.Portal {
			p := New(Options{RegisterRows: 1})
			return sourcetest.Portal{
				Handler: handler(t, p, idescat.Name), Rows: 9 * 948 * 3, System: SystemName,
				Target:    source.Target{Kind: idescat.Name, ID: LargeTable},
				Republish: func() { mustRepublish(t, p.RepublishTable(LargeTable, nil)) },
			}
		},
		"ckan": func(t *testing.T) sourcetest.Portal {
			p := New(Options{RegisterRows: 1})
			return sourcetest.Portal{
				Handler: handler(t, p, ckan.Name), Rows: 54, System: SystemName,
				Target: source.Target{Kind: ckan.Name, ID: FacilitiesID, PageSize: 20},
				Republish: func() {
					mustRepublish(t, p.Republish(FacilitiesID, func(rows []Row) []Row { return append(rows, rows[0]) }))
				},
				Key: func(r source.Row) string { return value(r, "_id") },
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sourcetest.Run(t, func(t *testing.T) sourcetest.Portal {
				made := portal(t)
				made.Handler = uncompressed(made.Handler)
				return made
			})
		})
	}
}

func mustRepublish(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// uncompressed leaves compression to the suite's server, which rewrites responses. It sends responses in chunks, so that
// the client receives the last chunk only after the server has logged the request.
func uncompressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Header.Del("Accept-Encoding")
		next.ServeHTTP(chunked{w}, r)
	})
}

type chunked struct{ http.ResponseWriter }

func (c chunked) WriteHeader(status int) {
	c.Header().Del("Content-Length")
	c.ResponseWriter.WriteHeader(status)
}

func (c chunked) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Over the simulator's own sockets and with its gzip, the client reads the whole register and then reports it unchanged.
func TestClientOverTheWire(t *testing.T) {
	t.Parallel()
	p := started(t, Options{RegisterRows: 2500})
	client, err := portals.All.NewClient(socrata.Name, source.Options{Clock: sourcetest.NewClock(), Limits: source.NewLimits()})
	if err != nil {
		t.Fatal(err)
	}
	target := source.Target{Kind: socrata.Name, BaseURL: p.URL(socrata.Name), ID: RegisterID}
	described, err := client.Describe(t.Context(), target, events.Validators{})
	if err != nil {
		t.Fatal(err)
	}
	var rows int64
	for i := range described.Pages {
		page, err := client.Page(t.Context(), target, described, i)
		if err != nil {
			t.Fatal(err)
		}
		rows += page.Rows
	}
	if err := client.Verify(t.Context(), target, described); err != nil || rows != 2500 || described.SourceSystem != SystemName {
		t.Errorf("%d rows of %q, verify: %v", rows, described.SourceSystem, err)
	}
	if _, err := client.Describe(t.Context(), target, described.Validators); !errors.Is(err, source.ErrUnchanged) {
		t.Errorf("describe again: %v", err)
	}
}
