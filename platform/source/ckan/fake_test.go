package ckan_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/ckan"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// fakeCKAN serves datastore_search and resource_show.
type fakeCKAN struct {
	id      string
	rows    []string
	noTimes bool // resource_show returns 404
	most    int  // maximum rows per page; 0: no limit
	moved   int  // every page but the first starts this many rows too early

	mu      sync.Mutex
	version int
}

func newFakeCKAN(rows int) *fakeCKAN {
	f := &fakeCKAN{id: "52696168-d8bc-4707-9a09-a21c6c2669f3"}
	for n := range rows {
		f.rows = append(f.rows, fmt.Sprintf(`{"_id":%d,"Barri":"Provençals del Poblenou","Districte":"Sant Martí"}`, n+1))
	}
	return f
}

func (f *fakeCKAN) republish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	f.rows = append(f.rows, fmt.Sprintf(`{"_id":%d,"Barri":"el Raval","Districte":"Ciutat Vella"}`, len(f.rows)+1))
}

func (f *fakeCKAN) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	switch {
	case r.URL.Path == "/data/api/3/action/resource_show" && q.Get("id") == f.id && !f.noTimes:
		modified := time.Date(2025, 9, 23, 11, 13, 22, 804661000, time.UTC).AddDate(0, 0, f.version)
		fmt.Fprintf(w, `{"help":"h","success":true,"result":{"id":%q,"name":"piezometres.csv","package_id":"e7a90d92",`+
			`"last_modified":null,"metadata_modified":%q}}`,
			f.id, modified.Format("2006-01-02T15:04:05.000000"))
	case r.URL.Path == "/data/api/3/action/datastore_search" && q.Get("resource_id") == f.id:
		f.search(w, q.Get("limit"), q.Get("offset"), q.Get("sort"), q.Get("filters"))
	default:
		w.WriteHeader(404)
		fmt.Fprint(w, `{"help":"h","success":false,"error":{"message":"Not found: Resource was not found.","__type":"Not Found Error"}}`)
	}
}

func (f *fakeCKAN) search(w http.ResponseWriter, limit, offset, sort, filters string) {
	rows := f.rows
	if filters != "" {
		var wanted map[string]string
		if json.Unmarshal([]byte(filters), &wanted) != nil || wanted["Barri"] == "" {
			w.WriteHeader(409)
			fmt.Fprint(w, `{"help":"h","success":false,"error":{"fields":["no such field"],"__type":"Validation Error"}}`)
			return
		}
		rows = nil
		for _, r := range f.rows {
			if strings.Contains(r, wanted["Barri"]) {
				rows = append(rows, r)
			}
		}
	}
	total, size := len(rows), number(limit, 100)
	if f.most > 0 {
		size = min(size, f.most)
	}
	if sort != "_id" && total > 1 {
		rows = append(append([]string(nil), rows[1:]...), rows[0])
	}
	start := max(number(offset, 0)-f.moved, 0)
	rows = rows[min(start, total):]
	rows = rows[:min(size, len(rows))]
	fmt.Fprintf(w, `{"help":"h","success":true,"result":{"include_total":true,"limit":%d,"offset":%d,"resource_id":%q,
		"fields":[{"id":"_id","type":"int"},{"id":"Barri","type":"text"},{"id":"Districte","type":"text"}],"records":[%s],"total":%d}}`,
		size, start, f.id, strings.Join(rows, ", "), total)
}

func TestCKANConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Portal {
		f := newFakeCKAN(7)
		return sourcetest.Portal{
			Handler: f, Target: source.Target{Kind: ckan.Name, ID: f.id, PageSize: 3}, Rows: 7, Republish: f.republish,
			Key: func(r source.Row) string { return sourcetest.Field(r, "_id") },
		}
	})
}

func number(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}
