package portal

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/ckan"
)

// actionPath is the path of CKAN's action API.
const actionPath = "/data/api/3/action/"

// FacilitiesID is the CKAN id of the simulator's one resource, all of whose rows are invented.
const FacilitiesID = "11ac0000-0000-4000-8000-000000000054"

const ckanMaxLimit = 32_000

// facilities returns a small resource with one column of each CKAN type.
func facilities(f facts, seed uint64) Dataset {
	r := random{state: seed ^ 0xb0c}
	names := []string{"Casal", "Biblioteca", "Centre cívic", "Pavelló", "Mercat"}
	rows := make([]Row, 54)
	for i := range rows {
		rows[i] = Row{
			"codi": fmt.Sprintf("EQ%04d", i+1), "nom": fmt.Sprintf("%s inventat %d", names[r.below(len(names))], i+1),
			"districte": fmt.Sprintf("%02d", r.between(1, 10)), "places": r.between(10, 400),
			"superficie_m2": json.Number(fmt.Sprintf("%d.%d", r.between(60, 2500), r.below(10))),
			"data_alta":     time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.below(7000)).Format("2006-01-02T15:04:05"),
		}
		if r.perMille(90) {
			rows[i]["places"] = nil
		}
	}
	return Dataset{
		ID: FacilitiesID, Package: "equipaments-inventats", Title: "Equipaments inventats pel simulador de Llac",
		Description: "Cap fila no correspon a cap equipament real.", Attribution: "Simulador de Llac (dades inventades)",
		Columns: []Column{
			{Name: "codi"}, {Name: "nom"}, {Name: "districte"}, {Name: "places", Type: "int4"},
			{Name: "superficie_m2", Type: "numeric"}, {Name: "data_alta", Type: "timestamp"},
		},
		Rows: rows, Origin: Invented,
	}
}

// ckanProtocol serves the actions datastore_search, package_show, package_search and resource_show, by GET and by POST.
var ckanProtocol = protocol{
	kind: ckan.Name, offset: "offset", limit: "limit",
	other: func(r *http.Request, form url.Values, id string) *http.Request {
		form.Set("resource_id", id)
		return r
	},
	locate: locateResource, respond: (*Portal).respondCKAN, refuse: htmlError, parse: parseActionForm,
	load: func(p *Portal, f facts) error { return p.Add(ckan.Name, facilities(f, p.options.Seed)) },
}

// parseActionForm reads the parameters of an action: of the query, or of a POST's JSON object. Members that are not strings
// keep their JSON.
func parseActionForm(r *http.Request, body []byte) (url.Values, error) {
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method != http.MethodPost || len(body) == 0 {
		return form, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, fmt.Errorf("JSON body: %w", err)
	}
	for name, raw := range members {
		var text string
		var list []string
		switch {
		case json.Unmarshal(raw, &text) == nil:
			form.Set(name, text)
		case json.Unmarshal(raw, &list) == nil:
			form.Set(name, strings.Join(list, ","))
		default:
			form.Set(name, string(raw))
		}
	}
	return form, nil
}

func locateResource(r *http.Request, form url.Values) place {
	offset, err := strconv.Atoi(form.Get("offset"))
	if err != nil {
		offset = 0 // not requested, or the action rejects it later
	}
	at := place{dataset: form.Get("resource_id"), offset: offset, page: strings.HasSuffix(r.URL.Path, "datastore_search")}
	if at.dataset == "" {
		at.dataset = form.Get("id")
	}
	return at
}

func (p *Portal) respondCKAN(r *http.Request, form url.Values, faults []Fault) answer {
	action, ok := strings.CutPrefix(r.URL.Path, actionPath)
	if !ok {
		return htmlError(http.StatusNotFound)
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost}, r.Method) {
		return htmlError(http.StatusMethodNotAllowed)
	}
	switch action {
	case "datastore_search":
		return p.searchDatastore(form, faults)
	case "resource_show":
		if v, about := p.published(ckan.Name, form.Get("id")); v != nil {
			return ckanResult(action, describeResource(about, v))
		}
		return ckanError(action, http.StatusNotFound, "Not Found Error", "Not found: Resource was not found.")
	case "package_show":
		for _, pack := range p.packages("") {
			if pack.name == form.Get("id") || pack.id() == form.Get("id") {
				return ckanResult(action, pack.describe())
			}
		}
		return ckanError(action, http.StatusNotFound, "Not Found Error", "Not found")
	case "package_search":
		return p.searchPackages(form)
	}
	return ckanError(action, http.StatusBadRequest, "Bad Request", "Action name not known: "+action)
}

func help(action string) string {
	return inventedHost + actionPath + "help_show?name=" + action
}

func ckanResult(action string, result any) answer {
	return newAnswer(http.StatusOK, "application/json;charset=utf-8",
		jsonBytes(object{{"help", help(action)}, {"success", true}, {"result", result}}))
}

func ckanError(action string, status int, kind, message string) answer {
	return newAnswer(status, "application/json;charset=utf-8", jsonBytes(object{
		{"help", help(action)}, {"success", false},
		{"error", object{{"message", message}, {"__type", kind}}},
	}))
}

func invalid(field, message string) answer {
	return newAnswer(http.StatusConflict, "application/json;charset=utf-8", jsonBytes(object{
		{"help", help("datastore_search")}, {"success", false},
		{"error", object{{field, []string{message}}, {"__type", "Validation Error"}}},
	}))
}

func (p *Portal) searchDatastore(form url.Values, faults []Fault) answer {
	id := form.Get("resource_id")
	v, _ := p.published(ckan.Name, id)
	if v == nil {
		return ckanError("datastore_search", http.StatusNotFound, "Not Found Error",
			fmt.Sprintf("Not found: Resource %q was not found.", id))
	}
	for _, f := range faults {
		v = viewRows(v, f)
	}
	limit, offset := 100, 0
	for name, into := range map[string]*int{"limit": &limit, "offset": &offset} {
		if text := form.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return invalid(name, "Must be a natural number")
			}
			*into = n
		}
	}
	limit = min(limit, ckanMaxLimit)
	filters := map[string]any{}
	if text := form.Get("filters"); text != "" {
		if err := json.Unmarshal([]byte(text), &filters); err != nil {
			return invalid("filters", "Not a JSON object")
		}
	}
	names := append([]string{"_id"}, columnNames(v.columns)...)
	if text := form.Get("fields"); text != "" {
		names = nil
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name != "_id" && v.column(name) == nil {
				return invalid("fields", fmt.Sprintf("field %q not in table", name))
			}
			names = append(names, name)
		}
		names = append(names, source.Origin) // Invariant 11: every row states its origin.
	}
	for name := range filters {
		if name != "_id" && v.column(name) == nil {
			return invalid("filters", fmt.Sprintf("field %q not in table", name))
		}
	}

	order, err := sortResource(v, form.Get("sort"))
	if err != nil {
		return invalid("sort", err.Error())
	}
	records, total := []json.RawMessage{}, 0
	for _, i := range order {
		if !matches(v.rows[i], i, filters) {
			continue
		}
		if total >= offset && len(records) < limit {
			record := make(object, len(names))
			for j, name := range names {
				if record[j] = (member{name, v.field(i, name)}); name == "_id" {
					record[j].value = i + 1
				}
			}
			records = append(records, jsonBytes(record))
		}
		total++
	}
	fields := make([]object, len(names))
	for i, name := range names {
		kind := typeOf(name, v)
		if name == "_id" {
			kind = "int4"
		}
		fields[i] = object{{"id", name}, {"type", kind}}
	}
	next := fmt.Sprintf("/api/3/action/datastore_search?resource_id=%s&offset=%d", id, offset+limit)
	return ckanResult("datastore_search", object{
		{"include_total", true}, {"limit", limit}, {"offset", offset}, {"records_format", "objects"}, {"resource_id", id},
		{"records", records}, {"fields", fields},
		{"_links", object{{"start", "/api/3/action/datastore_search?resource_id=" + id}, {"next", next}}},
		{"total", total}, {"total_was_estimated", false},
	})
}

// sortResource returns the indexes of all rows in the order of a sort, such as "districte, places desc". The default order
// is by _id.
func sortResource(v *version, sort string) ([]int, error) {
	out := make([]int, len(v.rows))
	for i := range out {
		out[i] = i
	}
	if sort == "" {
		return out, nil
	}
	type key struct {
		name       string
		descending bool
		number     bool
	}
	var keys []key
	for part := range strings.SplitSeq(sort, ",") {
		words := strings.Fields(part)
		if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" {
			return nil, fmt.Errorf("%q is not a field and a direction", part)
		}
		column := v.column(words[0])
		if words[0] != "_id" && column == nil {
			return nil, fmt.Errorf("field %q not in table", words[0])
		}
		keys = append(keys, key{words[0], len(words) == 2 && words[1] == "desc", column != nil && column.Type != "text"})
	}
	slices.SortStableFunc(out, func(a, b int) int {
		for _, k := range keys {
			order := a - b
			if k.name != "_id" {
				x, _ := textOf(v.rows[a][k.name])
				y, _ := textOf(v.rows[b][k.name])
				order = compareValues(x, y, k.number)
			}
			if k.descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
	return out, nil
}

// matches reports whether a row has the filters' values; a list in a filter means any of its values.
func matches(row Row, index int, filters map[string]any) bool {
	for name, wanted := range filters {
		value := row[name]
		if name == "_id" {
			value = index + 1
		}
		text, ok := textOf(value)
		list, isList := wanted.([]any)
		if !isList {
			list = []any{wanted}
		}
		if !slices.ContainsFunc(list, func(x any) bool {
			want, given := textOf(x)
			return ok == given && text == want
		}) {
			return false
		}
	}
	return true
}

// ckanPackage is a package with its resources.
type ckanPackage struct {
	name      string
	resources []Dataset
	versions  []*version
}

// packages returns the packages whose name, title or resources contain the words, sorted by name.
func (p *Portal) packages(words string) []ckanPackage {
	p.mu.Lock()
	defer p.mu.Unlock()
	byName := map[string]*ckanPackage{}
	words = strings.ToLower(words)
	for _, id := range slices.Sorted(maps.Keys(p.series[ckan.Name])) {
		s := p.series[ckan.Name][id]
		text := strings.ToLower(s.about.Package + " " + s.about.Title + " " + s.about.Description)
		if words != "" && words != "*:*" && !strings.Contains(text, words) {
			continue
		}
		pack := byName[s.about.Package]
		if pack == nil {
			pack = &ckanPackage{name: s.about.Package}
			byName[pack.name] = pack
		}
		pack.resources, pack.versions = append(pack.resources, s.about), append(pack.versions, s.now)
	}
	var out []ckanPackage
	for _, pack := range byName {
		out = append(out, *pack)
	}
	slices.SortFunc(out, func(a, b ckanPackage) int { return strings.Compare(a.name, b.name) })
	return out
}

func (p ckanPackage) id() string {
	var r random
	for _, c := range []byte(p.name) {
		r.state = mix(r.state ^ uint64(c))
	}
	return fmt.Sprintf("11ac0000-0000-4000-9000-%012x", r.next()>>16)
}

const ckanTime = "2006-01-02T15:04:05.000000"

func (p ckanPackage) describe() object {
	var updated time.Time
	resources := make([]object, len(p.resources))
	for i, about := range p.resources {
		resources[i] = describeResource(about, p.versions[i])
		if p.versions[i].updated.After(updated) {
			updated = p.versions[i].updated
		}
	}
	return object{
		{"id", p.id()}, {"name", p.name}, {"title", p.resources[0].Title}, {"notes", p.resources[0].Description},
		{"author", p.resources[0].Attribution}, {"license_id", "cc-by"}, {"license_title", "Creative Commons Attribution 4.0"},
		{"metadata_modified", updated.Format(ckanTime)}, {"num_resources", len(resources)}, {"private", false},
		{"state", "active"}, {"resources", resources},
		{"extras", []object{{{"key", "llac_source_system"}, {"value", SystemName}}}},
	}
}

func describeResource(about Dataset, v *version) object {
	return object{
		{"id", about.ID}, {"name", about.Title}, {"description", about.Description}, {"format", "CSV"},
		{"package_id", ckanPackage{name: about.Package}.id()}, {"datastore_active", true},
		{"last_modified", v.updated.Format(ckanTime)}, {"metadata_modified", v.updated.Format(ckanTime)},
		{"url", inventedHost + "/data/resource/" + about.ID + "/download"}, {"llac_source_system", SystemName},
	}
}

func (p *Portal) searchPackages(form url.Values) answer {
	found := p.packages(form.Get("q"))
	rows, start := 10, 0
	for name, into := range map[string]*int{"rows": &rows, "start": &start} {
		if text := form.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return ckanError("package_search", http.StatusConflict, "Validation Error", name+": must be a natural number")
			}
			*into = n
		}
	}
	results := []object{}
	for _, pack := range found[min(start, len(found)):] {
		if len(results) < rows {
			results = append(results, pack.describe())
		}
	}
	return ckanResult("package_search", object{
		{"count", len(found)}, {"facets", object{}}, {"results", results}, {"sort", "score desc, metadata_modified desc"},
		{"search_facets", object{}},
	})
}
