package idescat_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/idescat"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// fakeIdescat serves the tables API for one table: metadata, data, filters (unknown ones ignored) and the limit.
type fakeIdescat struct {
	id    string
	dims  []fakeDimension
	deaf  bool // ignores every filter
	limit int

	mu      sync.Mutex
	version int
}

type fakeDimension struct {
	id, role string
	codes    []string
}

func codes(prefix string, n int) []string {
	out := make([]string, n)
	for k := range out {
		out[k] = fmt.Sprintf("%s%03d", prefix, k)
	}
	return out
}

func newFakeIdescat() *fakeIdescat {
	return &fakeIdescat{id: "pmh/446/477/mun", limit: 20000, dims: []fakeDimension{
		{"YEAR", "time", []string{"2022", "2023", "2024"}},
		{"MUN", "geo", append(codes("080", 11), "TOTAL")},
		{"SEX", "", []string{"F", "M", "TOTAL"}},
		{"CONCEPT", "metric", []string{"POP"}},
	}}
}

func (f *fakeIdescat) republish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
}

func (f *fakeIdescat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(400)
		return
	}
	table := "/taules/v2/" + f.id
	switch r.URL.Path {
	case table:
		f.answer(w, f.dims, false)
	case table + "/data":
		dims := slices.Clone(f.dims)
		for k, d := range dims {
			if asked := r.Form.Get(d.id); asked != "" && !f.deaf {
				dims[k].codes = slices.DeleteFunc(slices.Clone(d.codes),
					func(c string) bool { return !slices.Contains(strings.Split(asked, ","), c) })
			}
		}
		f.answer(w, dims, true)
	default:
		w.WriteHeader(400)
		fmt.Fprint(w, `{"version":"2.0","class":"error","status":"400","id":"03","label":"Taula desconeguda."}`)
	}
}

func (f *fakeIdescat) answer(w http.ResponseWriter, dims []fakeDimension, withValue bool) {
	cells := 1
	var ids, sizes []string
	var described, times, geos []string
	for _, d := range dims {
		cells *= len(d.codes)
		ids = append(ids, fmt.Sprintf("%q", d.id))
		sizes = append(sizes, fmt.Sprint(len(d.codes)))
		index, _ := json.Marshal(d.codes)
		labels := map[string]string{}
		for _, c := range d.codes {
			labels[c] = "label of " + c
		}
		label, _ := json.Marshal(labels)
		described = append(described,
			fmt.Sprintf(`%q:{"category":{"index":%s,"label":%s},"label":%q}`, d.id, index, label, strings.ToLower(d.id)))
		switch d.role {
		case "time":
			times = append(times, fmt.Sprintf("%q", d.id))
		case "geo":
			geos = append(geos, fmt.Sprintf("%q", d.id))
		}
	}
	if withValue && cells >= f.limit {
		w.WriteHeader(416)
		fmt.Fprint(w, `{"version":"2.0","class":"error","status":"416","id":"05","label":"Nombre màxim de dades superat."}`)
		return
	}
	fmt.Fprintf(w, `{"version":"2.0","class":"dataset","href":"https://api.idescat.cat/taules/v2/%s",`+
		`"label":"Població a 1 de gener","source":"Idescat","updated":"2025-01-%02d",
		"id":[%s],"size":[%s],"role":{"geo":[%s],"metric":["CONCEPT"],"time":[%s]},"dimension":{%s}`,
		f.id, f.version+1, strings.Join(ids, ","), strings.Join(sizes, ","), strings.Join(geos, ","), strings.Join(times,
			","), strings.Join(described, ","))
	if withValue {
		values := make([]string, cells)
		for k := range values {
			values[k] = fmt.Sprint(k)
		}
		if cells > 1 {
			values[0], values[1] = "890.0", "null"
		}
		fmt.Fprintf(w, `,"value":[%s],"status":{"1":".."}`, strings.Join(values, ","))
	}
	fmt.Fprint(w, "}")
}

func cellKey(r source.Row) string {
	var key []string
	for _, f := range r.Fields {
		if f.Name != "value" && f.Name != "status" && !strings.HasSuffix(f.Name, ".label") {
			key = append(key, string(f.Raw))
		}
	}
	return strings.Join(key, " ")
}

func TestIdescatConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Portal {
		f := newFakeIdescat()
		return sourcetest.Portal{
			Handler: f, Target: source.Target{Kind: idescat.Name, ID: f.id, PageSize: 40}, Rows: 108, Republish: f.republish, Key: cellKey,
		}
	})
}

func parseQuery(t *testing.T, p source.PageRequest) url.Values {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	body, err := url.ParseQuery(p.Body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range body {
		q[k] = v
	}
	return q
}
