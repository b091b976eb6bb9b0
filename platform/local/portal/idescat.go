package portal

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/source/idescat"
)

// tablesPath is the path of the Tables API.
const tablesPath = "/taules/v2"

// CellLimit is the maximum number of cells in a response of Idescat. A larger one is rejected with 416, never truncated.
const CellLimit = 20_000

// idescatProtocol serves the Tables API v2: /taules/v2/{statistics}/{node}/{table}/{geo}[/data].
var idescatProtocol = protocol{
	kind: idescat.Name, locate: locateTable, respond: (*Portal).respondTable, refuse: htmlError, parse: parseTableForm,
	classError: classError,
	other: func(r *http.Request, _ url.Values, id string) *http.Request {
		if _, data := tableSteps(r.URL.Path); data {
			id += "/data"
		}
		return at(r, tablesPath+"/"+id)
	},
	load: func(p *Portal, f facts) error {
		seed := p.options.Seed
		tables := []Table{populationTable(f, seed), ageTable(f, seed), closedGDPTable(f, seed), largeTable(f, seed), sparseTable(f, seed)}
		for _, t := range append(tables, gdpTables(seed)...) {
			if err := p.AddTable(t); err != nil {
				return err
			}
		}
		return nil
	},
}

// classError returns an error body with HTTP status 200; id is "00" if empty.
func classError(id string) answer {
	if id == "" {
		id = "00"
	}
	out := tableError(id)
	out.status = http.StatusOK
	return out
}

// parseTableForm joins the filters of the query with those of a POST's body.
func parseTableForm(r *http.Request, body []byte) (url.Values, error) {
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method != http.MethodPost || len(body) == 0 {
		return form, err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return form, nil // another body is not read; its filters are ignored like unknown filters
	}
	posted, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	for name, values := range posted {
		form[name] = append(form[name], values...)
	}
	return form, nil
}

func tableSteps(path string) (steps []string, data bool) {
	rest := strings.Trim(strings.TrimPrefix(path, tablesPath), "/")
	if rest == "" {
		return nil, false
	}
	steps = strings.Split(rest, "/")
	if len(steps) == 5 && steps[4] == "data" {
		return steps[:4], true
	}
	return steps, false
}

func locateTable(r *http.Request, _ url.Values) place {
	steps, data := tableSteps(r.URL.Path)
	return place{dataset: strings.Join(steps, "/"), page: data}
}

// tableErrors are the ids of Idescat's errors, with their statuses. The text of 05 is recorded, the others are invented.
var tableErrors = map[string]struct {
	status int
	label  string
}{
	"00": {500, "Error intern."},
	"01": {400, "L'estadística no existeix."},
	"02": {400, "El node no existeix."},
	"03": {400, "La taula no existeix."},
	"04": {400, "La divisió territorial no existeix."},
	"05": {416, "Nombre màxim de dades superat."},
	"06": {400, "El paràmetre _LAST_ no és correcte."},
}

func tableError(id string) answer {
	e, known := tableErrors[id]
	if !known {
		id, e = "00", tableErrors["00"]
	}
	return tableJSON(e.status, object{
		{"version", "2.0"}, {"class", "error"}, {"status", strconv.Itoa(e.status)}, {"id", id}, {"label", e.label},
	})
}

func tableJSON(status int, body object) answer {
	return newAnswer(status, "application/json; charset=utf-8", jsonBytes(body))
}

func (p *Portal) respondTable(r *http.Request, form url.Values, faults []Fault) answer {
	if r.URL.Path != tablesPath && !strings.HasPrefix(r.URL.Path, tablesPath+"/") {
		return htmlError(http.StatusNotFound)
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost}, r.Method) {
		return htmlError(http.StatusMethodNotAllowed)
	}
	steps, data := tableSteps(r.URL.Path)
	if len(steps) > 4 {
		return tableError("04")
	}
	level, related := p.below(steps)
	if len(level) == 0 {
		return tableError("0" + strconv.Itoa(p.firstUnknown(steps)))
	}
	if len(steps) < 4 {
		return collection(steps, level)
	}
	t := *level[0]
	for _, f := range faults {
		t = viewTable(t, f)
	}
	if !data {
		return tableJSON(http.StatusOK, t.dataset(r.URL.RawQuery, false, related))
	}
	cut, id := t.filter(form)
	if id != "" {
		return tableError(id)
	}
	return tableJSON(http.StatusOK, cut.dataset(form.Encode(), true, related))
}

// below returns the tables under a path, in the order they were added, and for a complete path the other divisions of
// the same table.
func (p *Portal) below(steps []string) (tables, related []*Table) {
	p.mu.Lock()
	defer p.mu.Unlock()
	prefix := strings.Join(steps, "/")
	for _, id := range p.order {
		switch t := p.tables[id]; {
		case prefix == "" || id == prefix || strings.HasPrefix(id, prefix+"/"):
			tables = append(tables, t)
		case len(steps) == 4 && strings.HasPrefix(id, strings.Join(steps[:3], "/")+"/"):
			related = append(related, t)
		}
	}
	return tables, related
}

// firstUnknown returns the position, from 1, of the first unknown step of a path.
func (p *Portal) firstUnknown(steps []string) int {
	for i := range steps {
		if tables, _ := p.below(steps[:i+1]); len(tables) == 0 {
			return i + 1
		}
	}
	return len(steps)
}

// collection lists the distinct items one step below a path.
func collection(steps []string, tables []*Table) answer {
	label := "Estadístiques disponibles"
	var items []object
	seen := map[string]bool{}
	for _, t := range tables {
		parts := strings.Split(t.ID, "/")
		labels := []string{t.Statistics, t.Node, t.Label, "Per " + strings.ToLower(t.Geo)}
		if len(steps) > 0 {
			label = labels[len(steps)-1]
		}
		path := strings.Join(parts[:len(steps)+1], "/")
		if seen[path] {
			continue
		}
		seen[path] = true
		class := "collection"
		if len(steps) == 3 {
			class = "dataset"
		}
		items = append(items, link(class, inventedHost+tablesPath+"/"+path, labels[len(steps)]))
	}
	href := strings.TrimSuffix(inventedHost+tablesPath+"/"+strings.Join(steps, "/"), "/")
	return tableJSON(http.StatusOK, object{
		{"version", "2.0"}, {"class", "collection"}, {"href", href}, {"label", label},
		{"link", object{{"item", items}}},
	})
}

// filter reduces a table to the requested categories, or returns the id of an error. Like Idescat, it ignores parameters
// that are not dimensions, codes that a dimension does not have, and a filter whose codes are all unknown.
func (t Table) filter(form url.Values) (Table, string) {
	kept := make([][]int, len(t.Dimensions))
	cells := 1
	for i, d := range t.Dimensions {
		asked := map[string]bool{}
		for _, codes := range form[d.ID] {
			for code := range strings.SplitSeq(codes, ",") {
				asked[strings.TrimSpace(code)] = true
			}
		}
		var chosen, all []int
		for j, c := range d.Categories {
			all = append(all, j)
			if asked[c.Code] {
				chosen = append(chosen, j)
			}
		}
		if kept[i] = chosen; len(chosen) == 0 {
			kept[i] = all
		}
	}
	if last := form.Get("_LAST_"); form.Has("_LAST_") {
		at := t.withRole("time")
		n, err := strconv.Atoi(last)
		if err != nil || n < 1 || at < 0 || form.Has(t.Dimensions[at].ID) {
			return t, "06"
		}
		kept[at] = kept[at][max(len(kept[at])-n, 0):]
	}
	for _, positions := range kept {
		cells *= len(positions)
	}
	if cells > CellLimit {
		return t, "05"
	}
	return t.selectCategories(kept), ""
}
