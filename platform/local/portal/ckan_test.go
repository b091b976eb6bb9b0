package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source/ckan"
)

func action(p *Portal, name string) string { return p.URL(ckan.Name) + "/data/api/3/action/" + name }

type searched struct {
	Success bool
	Error   map[string]any
	Result  struct {
		Total   int
		Fields  []struct{ ID, Type string }
		Records []map[string]any
	}
}

func TestDatastoreSearch(t *testing.T) {
	t.Parallel()
	p := small(t)
	search := action(p, "datastore_search")
	got := decoded[searched](t, get(t, search+"?resource_id="+FacilitiesID))
	if !got.Success || got.Result.Total != 54 || len(got.Result.Records) != 54 {
		t.Fatalf("%d of %d records", len(got.Result.Records), got.Result.Total)
	}
	if fields := fmt.Sprint(got.Result.Fields); fields != "[{_id int4} {codi text} {nom text} {districte text} {places int4} "+
		"{superficie_m2 numeric} {data_alta timestamp} {:@llac_origin text}]" {
		t.Errorf("fields %s", fields)
	}
	var nulls int
	for i, r := range got.Result.Records {
		if r["_id"] != json.Number(fmt.Sprint(i+1)) || r[":@llac_origin"] != Invented {
			t.Errorf("record %d: %v", i, r)
		}
		if value, ok := r["places"]; !ok || value == nil {
			nulls++ // CKAN sends nulls
		}
	}
	if nulls == 0 || nulls == 54 {
		t.Errorf("%d records without places", nulls)
	}
	for query, want := range map[string]string{
		"limit=2&offset=52":             "54: 53 54",
		"limit=5&offset=54":             "54: ",
		"limit=0":                       "54: ",
		"limit=2&sort=_id%20desc":       "54: 54 53",
		`limit=9&filters={"_id":[3,5]}`: "2: 3 5",
		`filters={"codi":"EQ0007"}`:     "1: 7",
		"limit=1&fields=_id,codi":       "54: 1",
		`limit=1&sort=codi%20desc&filters={"codi":["EQ0001","EQ0009"]}`: "2: 9",
	} {
		got := decoded[searched](t, get(t, search+"?resource_id="+FacilitiesID+"&"+query))
		text := fmt.Sprint(got.Result.Total, ":")
		for _, r := range got.Result.Records {
			text += " " + r["_id"].(json.Number).String()
		}
		if strings.TrimSpace(text) != strings.TrimSpace(want) && text != want {
			t.Errorf("%s: %q, want %q", query, text, want)
		}
	}
	posted := ask(t, http.MethodPost, search, `{"resource_id":"`+FacilitiesID+`","limit":2,"offset":1,"fields":["_id","nom"],`+
		`"filters":{"districte":["01","02","03","04","05"]}}`,
		"Content-Type", "application/json")
	got = decoded[searched](t, posted)
	if len(got.Result.Records) != 2 || len(got.Result.Fields) != 3 || len(got.Result.Records[0]) != 3 {
		t.Errorf("POST: %s", posted.body)
	}
}

func TestCKANErrors(t *testing.T) {
	t.Parallel()
	p := small(t)
	id := "23124fd5-521f-40f8-85b8-efb1e71c2ec8"
	r := get(t, action(p, "datastore_search?resource_id="+id))
	got := decoded[searched](t, r)
	if r.status != 404 || got.Success || got.Error["__type"] != "Not Found Error" ||
		got.Error["message"] != `Not found: Resource "`+id+`" was not found.` {
		t.Errorf("%d %s", r.status, r.body)
	}
	for path, status := range map[string]int{
		"resource_show?id=" + id: 404,
		"package_show?id=nope":   404,
		"frobnicate":             400,
		"datastore_search?resource_id=" + FacilitiesID + "&limit=x":          409,
		"datastore_search?resource_id=" + FacilitiesID + "&offset=-1":        409,
		"datastore_search?resource_id=" + FacilitiesID + "&fields=nope":      409,
		"datastore_search?resource_id=" + FacilitiesID + "&sort=nope":        409,
		"datastore_search?resource_id=" + FacilitiesID + "&sort=codi%20up":   409,
		"datastore_search?resource_id=" + FacilitiesID + "&filters=[]":       409,
		`datastore_search?resource_id=` + FacilitiesID + `&filters={"no":1}`: 409,
		"package_search?rows=x": 409,
	} {
		r := get(t, action(p, path))
		if got := decoded[searched](t, r); r.status != status || got.Success {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := ask(t, http.MethodPost, action(p, "datastore_search"), "{", "Content-Type", "application/json"); r.status != 400 {
		t.Errorf("a broken body: %d", r.status)
	}
}

func TestCKANErrorAsRecorded(t *testing.T) {
	t.Parallel()
	want := readRecorded[map[string]any](t, "bcn/error_404_not_in_datastore.json")
	p := small(t)
	got := decoded[map[string]any](t, get(t, action(p, "datastore_search?resource_id=23124fd5-521f-40f8-85b8-efb1e71c2ec8")))
	if fmt.Sprint(got["error"], got["success"], keysOf(got)) != fmt.Sprint(want["error"], want["success"], keysOf(want)) {
		t.Errorf("got %v, recorded %v", got, want)
	}
}

func TestPackages(t *testing.T) {
	t.Parallel()
	p := small(t)
	type pack struct {
		ID, Name, MetadataModified string
		Modified                   string `json:"metadata_modified"`
		Resources                  []struct {
			ID, Modified string
			Package      string `json:"package_id"`
			Active       bool   `json:"datastore_active"`
			LastModified string `json:"last_modified"`
		}
	}
	type found struct {
		Result struct {
			Count   int
			Results []pack
		}
	}
	got := decoded[found](t, get(t, action(p, "package_search?q=equipaments")))
	if got.Result.Count != 1 || got.Result.Results[0].Resources[0].ID != FacilitiesID {
		t.Fatalf("%+v", got)
	}
	if none := decoded[found](t, get(t, action(p, "package_search?q=piezometres"))); none.Result.Count != 0 {
		t.Errorf("%+v", none)
	}
	type shown struct{ Result pack }
	byName := decoded[shown](t, get(t, action(p, "package_show?id=equipaments-inventats"))).Result
	byID := decoded[shown](t, get(t, action(p, "package_show?id="+byName.ID))).Result
	if byID.Name != byName.Name || byName.Resources[0].Package != byName.ID || !byName.Resources[0].Active {
		t.Errorf("%+v, %+v", byName, byID)
	}
	if err := p.Republish(FacilitiesID, nil); err != nil {
		t.Fatal(err)
	}
	type resource struct {
		Result struct {
			LastModified string `json:"last_modified"`
		}
	}
	again := decoded[resource](t, get(t, action(p, "resource_show?id="+FacilitiesID))).Result.LastModified
	if again != "2026-04-30T15:30:13.000000" || byName.Resources[0].LastModified != "2026-04-30T14:30:13.000000" {
		t.Errorf("republished: %s, before %s", again, byName.Resources[0].LastModified)
	}
}
