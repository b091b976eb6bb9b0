package portals_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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

// Every shape of the recorded error bodies is decoded, with its code and message.
func TestRecordedErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   string
		status int
		says   string
	}{
		"socrata/error_400_no_such_column.json": {socrata.Name, 400,
			"the column definitely_not_a_field was renamed or removed upstream: update the source field in datasets/"},
		"socrata/error_400_malformed_soql.json": {socrata.Name, 400, "query.compiler.malformed: Could not parse SoQL query"},
		"socrata/error_404_unknown_view.json":   {socrata.Name, 404, "not_found: Not found"},
		"idescat/error_416_too_many_cells.json": {idescat.Name, 416, "error 05: Nombre màxim de dades superat."},
		"bcn/error_404_not_in_datastore.json":   {ckan.Name, 404, `Not Found Error: Not found: Resource "23124fd5`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := sourcetest.Recorded(t, name)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprintf(w, "%s", body)
			}))
			t.Cleanup(server.Close)
			client, _ := sourcetest.NewClient(t, c.kind)
			target := source.Target{Kind: c.kind, BaseURL: server.URL, ID: map[string]string{
				socrata.Name: "j8h8-vxug", idescat.Name: "pmh/446/477/mun", ckan.Name: "23124fd5-521f-40f8-85b8-efb1e71c2ec8",
			}[c.kind]}
			_, err := client.Describe(t.Context(), target, events.Validators{})
			p := sourcetest.WantPermanent(t, err, c.says)
			if p.Status != c.status || !strings.HasPrefix(string(body), p.Body) || p.Body == "" {
				t.Errorf("status %d, body %q", p.Status, p.Body)
			}
		})
	}
}

func TestNewRejects(t *testing.T) {
	t.Parallel()
	if _, err := portals.All.NewClient("ftp", source.Options{}); err == nil || !strings.Contains(err.Error(), "socrata, idescat, ckan") {
		t.Errorf("unknown kind: %v", err)
	}
	if _, err := portals.All.NewClient(socrata.Name, source.Options{AppToken: "two\nlines"}); err == nil ||
		strings.Contains(err.Error(), "two") {
		t.Errorf("token of two lines: %v", err)
	}
}
