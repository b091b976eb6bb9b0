package socrata_test

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// fakeSocrata serves the part of SODA 2.1 that the client uses. Rows requested without an order are sent in another order
// every time.
type fakeSocrata struct {
	id   string
	rows []string

	noVersions bool // no ETag, no Last-Modified
	noFields   bool // no X-SODA2-Fields, as for wide datasets
	most       int  // maximum rows per page; 0: no limit
	moved      int  // every page but the first starts this many rows too early

	mu       sync.Mutex
	version  int
	requests int
}

func newFakeSocrata(rows int) *fakeSocrata {
	f := &fakeSocrata{id: "ivft-vegh", version: 1}
	for n := range rows {
		f.rows = append(f.rows,
			fmt.Sprintf(`{"registre":"S%05d","capacitat":"%d","municipi":"Vielha e Mijaran",":id":"row-%04d"}`, n, n%9, n))
	}
	return f
}

func (f *fakeSocrata) republish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
}

func (f *fakeSocrata) modified() time.Time {
	return time.Date(2025, 5, 1, 14, 30, 13, 0, time.UTC).AddDate(0, 0, f.version)
}

func (f *fakeSocrata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	switch r.URL.Path {
	case "/api/views/" + f.id + ".json":
		fmt.Fprintf(w, `{"id":%q,"name":"Registre d'entitats","attribution":"Departament de Drets Socials","rowsUpdatedAt":%d,
			"columns":[{"name":"Registre","fieldName":"registre","dataTypeName":"text"},{"name":"C","fieldName":"capacitat","dataTypeName":"number"}]}`,
			f.id, f.modified().Unix())
	case "/resource/" + f.id + ".json":
		f.resource(w, r)
	default:
		w.WriteHeader(404)
		fmt.Fprint(w, `{ "code" : "not_found", "error" : true, "message" : "Not found", "data" : { "id" : "xxxx-yyyy" } }`)
	}
}

func (f *fakeSocrata) resource(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	h := fnv.New32()
	fmt.Fprint(h, r.URL.RawQuery)
	tag := fmt.Sprintf(`"v%d-%x"`, f.version, h.Sum32())
	modified := f.modified().Format(http.TimeFormat)
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.Header().Set("X-Socrata-RequestId", "0123456789abcdef0123456789abcdef")
	if !f.noFields {
		w.Header().Set("X-SODA2-Fields", `["registre","capacitat","municipi","telefon"]`)
		w.Header().Set("X-SODA2-Types", `["text","number","text","text"]`)
	}
	if !f.noVersions {
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", modified)
		if slices.Contains(strings.Split(r.Header.Get("If-None-Match"), ", "), tag) ||
			r.Header.Get("If-None-Match") == "" && r.Header.Get("If-Modified-Since") == modified {
			w.WriteHeader(304)
			return
		}
	}
	rows := f.rows
	if m := q.Get("municipi"); m != "" && m != "Vielha e Mijaran" {
		rows = nil
	}
	if strings.HasPrefix(q.Get("$select"), "count(*)") {
		fmt.Fprintf(w, "[{\"count\":\"%d\"}]\n", len(rows))
		return
	}
	if q.Get("$order") != ":id" {
		turn := f.requests % max(len(rows), 1)
		rows = append(slices.Clone(rows[turn:]), rows[:turn]...)
	}
	offset, limit := number(q.Get("$offset"), 0), number(q.Get("$limit"), 1000)
	if f.most > 0 {
		limit = min(limit, f.most)
	}
	rows = rows[min(max(offset-f.moved, 0), len(rows)):]
	rows = rows[:min(limit, len(rows))]
	fmt.Fprint(w, "["+strings.Join(rows, "\n,")+"]\n")
}

func number(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}

func TestSocrataConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Portal {
		f := newFakeSocrata(23)
		return sourcetest.Portal{
			Handler: f, Target: source.Target{Kind: socrata.Name, ID: f.id, PageSize: 10}, Rows: 23, Republish: f.republish,
			Key: func(r source.Row) string { return sourcetest.Field(r, "registre") },
		}
	})
}
