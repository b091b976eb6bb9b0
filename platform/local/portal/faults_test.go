package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/source/socrata"
)

func arm(t *testing.T, p *Portal, faults ...Fault) {
	t.Helper()
	if err := p.SetFaults(faults...); err != nil {
		t.Fatal(err)
	}
}

// pages are one page of each portal.
func pages(p *Portal) map[string]string {
	return map[string]string{
		"socrata": towns(p, "$order=:id&$limit=100"),
		"idescat": table(p, "/"+PopulationTable+"/data?YEAR=2024&SEX=TOTAL"),
		"ckan":    action(p, "datastore_search?resource_id="+FacilitiesID),
	}
}

func TestStatusFaults(t *testing.T) {
	t.Parallel()
	p := small(t)
	for _, status := range []int{0, 202, 401, 403, 404, 408, 429, 500, 502, 503, 504} {
		arm(t, p, Fault{Kind: Status, Status: status, RetryAfter: map[bool]string{true: "7"}[status == 429]})
		for name, url := range pages(p) {
			r := get(t, url)
			want := status
			if status == 0 {
				want = 503
			}
			if r.status != want || len(r.body) == 0 || (r.header.Get("Retry-After") == "7") != (status == 429) {
				t.Errorf("%s, %d: got %d, Retry-After %q", name, status, r.status, r.header.Get("Retry-After"))
			}
			if isHTML := strings.HasPrefix(string(r.body), "<html>"); status >= 500 &&
				(!isHTML || r.header.Get("Content-Type") != "text/html") {
				t.Errorf("%s, %d: %s", name, status, r.body)
			}
		}
	}
	arm(t, p, Fault{Kind: Status, Status: 403})
	if r := get(t, pages(p)["socrata"]); decoded[map[string]any](t, r)["code"] != "permission_denied" {
		t.Errorf("403: %s", r.body)
	}
	arm(t, p, Fault{Kind: Status, Status: 429})
	if r := get(t, pages(p)["socrata"]); decoded[map[string]any](t, r)["errorCode"] != "too-many-requests" ||
		r.header.Get("Retry-After") != "" {
		t.Errorf("429: %s", r.body)
	}
}

func TestClassErrorFault(t *testing.T) {
	t.Parallel()
	p := small(t)
	arm(t, p, Fault{Kind: ClassError, ErrorID: "03"})
	r := get(t, pages(p)["idescat"])
	if got := decoded[map[string]string](t, r); r.status != 200 || got["class"] != "error" || got["id"] != "03" || got["status"] != "400" {
		t.Errorf("%d %s", r.status, r.body)
	}
	arm(t, p, Fault{Kind: ClassError})
	if got := decoded[map[string]string](t, get(t, pages(p)["idescat"])); got["id"] != "00" {
		t.Errorf("%v", got)
	}
	if r := get(t, pages(p)["ckan"]); r.status != 500 {
		t.Errorf("on CKAN: %d", r.status)
	}
}

// A cache that ignores a part of the request sends another page, with that page's own headers.
func TestFaultsOfAnotherPage(t *testing.T) {
	t.Parallel()
	p := small(t)
	rows := func(r received) []string { return strings.Split(strings.TrimSpace(string(r.body)), "\n,") }
	first, second := towns(p, "$order=:id&$limit=100&$offset=0"), towns(p, "$order=:id&$limit=100&$offset=100")
	wantFirst, wantSecond := get(t, first), get(t, second)
	arm(t, p, Fault{Kind: Misplaced})
	if got := get(t, second); !bytes.Equal(got.body, wantFirst.body) || got.header.Get("ETag") != wantFirst.header.Get("ETag") {
		t.Error("not the first page, or not with its entity tag")
	}
	arm(t, p, Fault{Kind: Misplaced, Rows: 30})
	if got := get(t, second); !strings.HasPrefix(string(got.body[1:]), strings.TrimPrefix(rows(wantFirst)[70], "[")) {
		t.Errorf("the page starts with %.80s, want the row 70", got.body)
	}
	arm(t, p, Fault{Kind: Capped, Rows: 40})
	if got := rows(get(t, second)); len(got) != 40 || got[0] != rows(wantSecond)[0] {
		t.Errorf("%d rows, want the first 40", len(got))
	}
	arm(t, p, Fault{Kind: Capped, Rows: 3}, Fault{Kind: Misplaced, Rows: 1})
	type datastore struct {
		Result struct {
			Limit, Offset int
			Records       []any
		}
	}
	got := decoded[datastore](t, get(t, action(p, "datastore_search?resource_id="+FacilitiesID+"&limit=10&offset=10"))).Result
	if got.Limit != 3 || got.Offset != 9 || len(got.Records) != 3 {
		t.Errorf("CKAN: %+v", got)
	}
	arm(t, p, Fault{Kind: Swapped, Other: GDPRawTable})
	if got := get(t, table(p, "/"+GDPTable+"/data")); !bytes.Equal(got.body, func() []byte {
		arm(t, p)
		return get(t, table(p, "/"+GDPRawTable+"/data")).body
	}()) {
		t.Error("not the other table")
	}
	arm(t, p, Fault{Kind: Swapped, Other: RegisterID})
	if got := get(t, first); !strings.Contains(string(got.body), `"tipologia"`) {
		t.Errorf("not the other dataset: %.200s", got.body)
	}
}

func TestTruncatedFaults(t *testing.T) {
	t.Parallel()
	p := small(t)
	for name, url := range pages(p) {
		whole := get(t, url)
		for _, kind := range []FaultKind{TruncatedChunked, TruncatedLength} {
			for _, encoding := range []string{"identity", "gzip"} {
				arm(t, p, Fault{Kind: kind})
				r := get(t, url, "Accept-Encoding", encoding)
				if !errors.Is(r.err, io.ErrUnexpectedEOF) || len(r.body) == 0 || len(r.body) >= len(whole.body) {
					t.Errorf("%s, %s, %s: %d of %d bytes, %v", name, kind, encoding, len(r.body), len(whole.body), r.err)
				}
				if promised := r.header.Get("Content-Length") != ""; promised != (kind == TruncatedLength) {
					t.Errorf("%s, %s: Content-Length %q", name, kind, r.header.Get("Content-Length"))
				}
			}
		}
		arm(t, p)
		if again := get(t, url); !bytes.Equal(again.body, whole.body) {
			t.Errorf("%s: the page has changed after the fault", name)
		}
	}
}

func TestGarbledFaults(t *testing.T) {
	t.Parallel()
	p := small(t)
	for name, url := range pages(p) {
		arm(t, p, Fault{Kind: Malformed})
		if r := get(t, url); r.status != 200 || r.err != nil || json.Valid(r.body) {
			t.Errorf("%s, malformed: %d, %v", name, r.status, r.err)
		}
		arm(t, p, Fault{Kind: NotUTF8})
		if r := get(t, url); r.status != 200 || utf8.Valid(r.body) || !json.Valid(r.body) {
			t.Errorf("%s, not UTF-8: valid %v, JSON %v", name, utf8.Valid(r.body), json.Valid(r.body))
		}
		arm(t, p, Fault{Kind: ObjectPage})
		want := byte('[')
		if name == "socrata" {
			want = '{'
		}
		if r := get(t, url); r.status != 200 || !json.Valid(r.body) || r.body[0] != want {
			t.Errorf("%s, object: %.40s", name, r.body)
		}
	}
}

func TestResetFault(t *testing.T) {
	t.Parallel()
	p := small(t)
	arm(t, p, Fault{Kind: Reset, Count: 3})
	for name, url := range pages(p) {
		if r, err := tryAsk(t, http.MethodGet, url, ""); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, %d", name, err, r.status)
		}
	}
	for name, url := range pages(p) {
		if r := get(t, url); r.status != 200 {
			t.Errorf("%s, after three resets: %d", name, r.status)
		}
	}
	for i, r := range p.Requests() {
		if (i < 3) != (r.Status == 0) {
			t.Errorf("request %d is logged with status %d", i, r.Status)
		}
	}
}

// patientClock does not sleep; it records the durations.
type patientClock struct {
	mu    sync.Mutex
	slept []time.Duration
}

func (*patientClock) Now() time.Time { return DefaultUpdatedAt }

func (c *patientClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func TestSlowFault(t *testing.T) {
	t.Parallel()
	clock := &patientClock{}
	p := started(t, Options{RegisterRows: 10, Clock: clock, PageDelay: time.Second})
	arm(t, p, Fault{Kind: Slow, Delay: time.Minute, Offset: new(100)})
	for _, offset := range []string{"0", "100"} {
		get(t, towns(p, "$order=:id&$limit=100&$offset="+offset))
	}
	get(t, towns(p, "$select=count(*)"))
	if len(clock.slept) != 2 || clock.slept[0] != time.Second || clock.slept[1] != time.Minute+time.Second {
		t.Errorf("slept %v; want a second for each page and a minute for the slow one", clock.slept)
	}
}

// The wait ends when the client disconnects.
func TestSlowFaultEndsWithTheClient(t *testing.T) {
	t.Parallel()
	p := small(t)
	arm(t, p, Fault{Kind: Slow, Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, towns(p, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("the client received a response before the hour was over")
	}
	p.Close() // hangs if the handler still waits
}

func TestDataFaultsOnRows(t *testing.T) {
	t.Parallel()
	p := small(t)
	clean := get(t, towns(p, "$order=:id"))
	look := func(f Fault) (rows []map[string]any, fields, types, count string) {
		arm(t, p, f)
		r := get(t, towns(p, "$order=:id"))
		if r.header.Get("ETag") == clean.header.Get("ETag") {
			t.Errorf("%s: the ETag is that of the unchanged rows", f.Kind)
		}
		counted := rowsOf(t, get(t, towns(p, "$select=count(*)")))
		return rowsOf(t, r), r.header.Get("X-SODA2-Fields"), r.header.Get("X-SODA2-Types"), counted[0]["count"].(string)
	}
	if rows, _, _, count := look(Fault{Kind: EmptyDataset}); len(rows) != 0 || count != "0" {
		t.Errorf("empty: %d rows, count %s", len(rows), count)
	}
	if rows, _, _, count := look(Fault{Kind: Shrink}); len(rows) != 475 || count != "475" {
		t.Errorf("shrunk: %d rows, count %s", len(rows), count)
	}
	if rows, fields, _, _ := look(Fault{Kind: AddField}); rows[948]["camp_nou"] != "x" || !strings.Contains(fields, `"camp_nou"`) {
		t.Errorf("added: %v, %s", rows[948], fields)
	}
	if rows, _, _, _ := look(Fault{Kind: AddField, Field: "altitud", Rows: 1}); rows[0]["altitud"] != "x" || rows[1]["altitud"] != nil {
		t.Errorf("added to one: %v", rows[:2])
	}
	if rows, fields, _, _ := look(Fault{Kind: DropField, Field: "nom"}); rows[0]["nom"] != nil || strings.Contains(fields, `"nom"`) {
		t.Errorf("dropped: %v, %s", rows[0], fields)
	}
	if rows, fields, _, _ := look(Fault{Kind: DropField, Rows: 2}); rows[1]["codi"] != nil || rows[2]["codi"] == nil ||
		!strings.Contains(fields, `"codi"`) {
		t.Errorf("dropped from two: %v, %s", rows[:3], fields)
	}
	if rows, _, types, _ := look(Fault{Kind: RetypeField, Field: "nom"}); rows[0]["nom"].([]any)[0] != "Abrera" ||
		!strings.Contains(types, `"json"`) {
		t.Errorf("retyped: %v, %s", rows[0], types)
	}
	if rows, _, types, _ := look(Fault{Kind: RetypeField, Field: "codi_comarca",
		Rows: 1}); rows[0]["codi_comarca"] != json.Number("11") || strings.Contains(types, `"json"`) {
		t.Errorf("retyped in one: %v, %s", rows[0], types)
	}
	if rows, _, _, _ := look(Fault{Kind: HugeString, Field: "nom"}); len(rows[0]["nom"].(string)) != 5_000_000 ||
		len(rows[1]["nom"].(string)) > 100 {
		t.Errorf("huge: %d bytes", len(rows[0]["nom"].(string)))
	}
	arm(t, p)
	if again := get(t, towns(p, "$order=:id")); !bytes.Equal(again.body, clean.body) {
		t.Error("a fault has changed the dataset itself")
	}
	arm(t, p, Fault{Kind: DropField, Field: "nom"})
	got := decoded[struct{ Columns []struct{ FieldName string } }](t, get(t, p.URL(socrata.Name)+"/api/views/9aju-tpwc.json"))
	for _, c := range got.Columns {
		if c.FieldName == "nom" {
			t.Error("the metadata still name the dropped field")
		}
	}
}

func TestDataFaultsOnTables(t *testing.T) {
	t.Parallel()
	p := small(t)
	url := table(p, "/"+PopulationTable+"/data?YEAR=2024")
	clean := get(t, url)
	look := func(f Fault) received {
		arm(t, p, f)
		return get(t, url)
	}
	if got := decoded[cube](t, look(Fault{Kind: EmptyDataset})); got.Size[1] != 0 || len(got.Value) != 0 {
		t.Errorf("empty: %v", got.Size)
	}
	if got := decoded[cube](t, look(Fault{Kind: Shrink})); got.Size[1] != 475 || len(got.Value) != 3*475 {
		t.Errorf("shrunk: %v", got.Size)
	}
	if got := decoded[cube](t, look(Fault{Kind: AddField})); len(got.ID) != 5 || got.ID[4] != "NOU" || len(got.Value) != 3*949 {
		t.Errorf("added: %v", got.ID)
	}
	if got := decoded[cube](t, look(Fault{Kind: DropField})); strings.Join(got.ID, " ") != "YEAR MUN CONCEPT" ||
		got.Value[948].String() != "8034743" {
		t.Errorf("dropped: %v", got.ID)
	}
	if got := decoded[cube](t, look(Fault{Kind: HugeString})); len(got.Dimension["MUN"].Category.Label["250019"]) != 5_000_000 {
		t.Error("no huge label")
	}
	got := decoded[struct{ Value []any }](t, look(Fault{Kind: RetypeField, Rows: 6000}))
	if _, isText := got.Value[0].(string); !isText {
		t.Errorf("retyped: %v", got.Value[0])
	}
	arm(t, p)
	if again := get(t, url); !bytes.Equal(again.body, clean.body) {
		t.Error("a fault has changed the table itself")
	}
}

func TestDataFaultsOnResources(t *testing.T) {
	t.Parallel()
	p := small(t)
	arm(t, p, Fault{Kind: Shrink, Dataset: FacilitiesID})
	if got := decoded[searched](t, get(t, pages(p)["ckan"])); got.Result.Total != 27 {
		t.Errorf("shrunk: %d", got.Result.Total)
	}
	arm(t, p, Fault{Kind: RetypeField, Field: "places"})
	got := decoded[searched](t, get(t, pages(p)["ckan"]))
	var lists int
	for _, r := range got.Result.Records {
		if _, ok := r["places"].([]any); ok {
			lists++
		}
	}
	if lists == 0 {
		t.Error("no value was retyped")
	}
}

// The dataset is republished during the request of the third page, so that its version differs from the earlier pages.
func TestRepublishFault(t *testing.T) {
	t.Parallel()
	p := small(t)
	arm(t, p, Fault{Kind: Republished, Dataset: MunicipalitiesID, Pages: true, Nth: 3, Count: 1, Change: ChangeShrink})
	var seen []string
	for _, offset := range []string{"0", "200", "400", "0"} {
		get(t, p.URL(socrata.Name)+"/api/views/9aju-tpwc.json") // not a page: does not count
		r := get(t, towns(p, "$order=:id&$limit=200&$offset="+offset))
		seen = append(seen, r.header.Get("X-SODA2-Truth-Last-Modified")[17:22])
	}
	if got := strings.Join(seen, " "); got != "14:30 14:30 15:30 15:30" {
		t.Errorf("the pages are of %s", got)
	}
	if got := rowsOf(t, get(t, towns(p, "$select=count(*)")))[0]["count"]; got != "475" {
		t.Errorf("%v rows after", got)
	}
	arm(t, p, Fault{Kind: Republished, Portal: "idescat", Change: ChangeEdit})
	if got := decoded[cube](t, get(t, pages(p)["idescat"])); got.Updated != "2026-05-01" {
		t.Errorf("the table is of %s", got.Updated)
	}
	arm(t, p, Fault{Kind: Republished, Change: "sideways"})
	if r := get(t, towns(p, "")); r.status != 500 || !strings.Contains(string(r.body), "sideways") {
		t.Errorf("an unknown change: %d %s", r.status, r.body)
	}
}

func TestFaultMatching(t *testing.T) {
	t.Parallel()
	p := small(t)
	all := []string{
		towns(p, "$order=:id&$limit=10"), towns(p, "$order=:id&$limit=10&$offset=10"), towns(p, "$select=count(*)"),
		p.URL(socrata.Name) + "/api/views/9aju-tpwc.json", services(p, "$order=:id&$limit=10&$offset=10"),
		table(p, "/"+PopulationTable), table(p, "/"+PopulationTable+"/data?YEAR=2024&SEX=TOTAL"),
		action(p, "datastore_search?resource_id="+FacilitiesID+"&offset=10"), action(p, "resource_show?id="+FacilitiesID),
	}
	for name, c := range map[string]struct {
		fault Fault
		want  string // the requests that meet the fault; all are sent twice
	}{
		"everything":   {Fault{}, "111111111 111111111"},
		"portal":       {Fault{Portal: "idescat"}, "000001100 000001100"},
		"dataset":      {Fault{Dataset: MunicipalitiesID}, "111100000 111100000"},
		"table":        {Fault{Dataset: PopulationTable}, "000001100 000001100"},
		"resource":     {Fault{Dataset: FacilitiesID}, "000000011 000000011"},
		"path":         {Fault{Path: "$offset=10"}, "010010000 010010000"},
		"pages":        {Fault{Pages: true}, "110010110 110010110"},
		"offset":       {Fault{Offset: new(10)}, "010010010 010010010"},
		"offset 0":     {Fault{Offset: new(0), Portal: "socrata"}, "100000000 100000000"},
		"nth":          {Fault{Pages: true, Nth: 4}, "000000110 110010110"},
		"count":        {Fault{Pages: true, Count: 2}, "110000000 000000000"},
		"nth, once":    {Fault{Pages: true, Nth: 7, Count: 1}, "000000000 010000000"},
		"other portal": {Fault{Portal: "ckan", Dataset: MunicipalitiesID}, "000000000 000000000"},
	} {
		c.fault.Kind, c.fault.Status = Status, 418
		arm(t, p, c.fault)
		var got strings.Builder
		for range 2 {
			for _, url := range all {
				got.WriteString(map[bool]string{true: "1", false: "0"}[get(t, url).status == 418])
			}
			got.WriteString(" ")
		}
		if strings.TrimSpace(got.String()) != c.want {
			t.Errorf("%s: requests with the fault %s, want %s", name, got.String(), c.want)
		}
	}
}

func TestInvalidFaults(t *testing.T) {
	t.Parallel()
	p := small(t)
	arm(t, p, Fault{Kind: Shrink})
	for _, f := range []Fault{{}, {Kind: "thunder"}, {Kind: Status, Status: 99}, {Kind: Slow}, {Kind: editView}} {
		if err := p.SetFaults(f); err == nil {
			t.Errorf("accepted %+v", f)
		}
	}
	if rows := rowsOf(t, get(t, towns(p, ""))); len(rows) != 475 {
		t.Errorf("a rejected fault has replaced the active one: %d rows", len(rows))
	}
}
