package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/socrata"
)

const (
	resourcePath = "/resource/"
	viewsPath    = "/api/views/"
)

// socrataProtocol serves SODA 2.1: /resource/{4x4}.json and /api/views/{4x4}.json.
var socrataProtocol = protocol{
	kind:    socrata.Name,
	offset:  "$offset",
	limit:   "$limit",
	other:   func(r *http.Request, _ url.Values, id string) *http.Request { return at(r, resourcePath+id+".json") },
	locate:  locateSocrata,
	respond: (*Portal).respondSocrata,
	refuse:  refuseSocrata,
	parse:   func(r *http.Request, _ []byte) (url.Values, error) { return url.ParseQuery(r.URL.RawQuery) },
	load: func(p *Portal, f facts) error {
		register, counts := newRegister(f, p.options.Seed, p.options.RegisterRows)
		p.register = counts
		return errors.Join(
			p.Add(socrata.Name, municipalitiesDataset(f)), p.Add(socrata.Name, register), p.Add(socrata.Name,
				housingDataset(f, p.options.Seed)),
		)
	},
}

func socrataID(path string) (id string, rows bool) {
	if rest, ok := strings.CutPrefix(path, resourcePath); ok {
		return strings.TrimSuffix(rest, ".json"), true
	}
	rest, _ := strings.CutPrefix(path, viewsPath)
	return strings.TrimSuffix(rest, ".json"), false
}

func locateSocrata(r *http.Request, form url.Values) place {
	id, rows := socrataID(r.URL.Path)
	offset, err := strconv.Atoi(form.Get("$offset"))
	if err != nil {
		offset = 0 // not requested, or the query is rejected later
	}
	return place{dataset: id, offset: offset, page: rows && !strings.Contains(strings.ToLower(form.Get("$select")), "count(")}
}

func socrataJSON(status int, body object) answer {
	return newAnswer(status, "application/json;charset=utf-8", append(jsonBytes(body), '\n'))
}

func refuseSocrata(status int) answer {
	switch status {
	case http.StatusAccepted:
		return socrataJSON(status, object{{"message", "The request is being processed; repeat it later"}, {"status", "processing"}})
	case http.StatusUnauthorized:
		return socrataJSON(status, coreError("authentication_required", "You must be logged in to access this resource", nil))
	case http.StatusForbidden:
		return socrataJSON(status, coreError("permission_denied", "Invalid app_token specified", nil))
	case http.StatusNotFound:
		return socrataJSON(status, coreError("dataset.missing", "Not found", nil))
	case http.StatusRequestTimeout:
		return socrataJSON(status, object{{"message", "Request timed out"}, {"errorCode", "request-timeout"}, {"data", object{}}})
	case http.StatusTooManyRequests:
		return socrataJSON(status, object{{"message", "Too many requests"}, {"errorCode", "too-many-requests"}, {"data", object{}}})
	}
	return htmlError(status)
}

// coreError is the first of Socrata's two forms of error body.
func coreError(code, message string, data object) object {
	out := object{{"code", code}, {"error", true}, {"message", message}}
	if data != nil {
		out = append(out, member{"data", data})
	}
	return out
}

func (p *Portal) respondSocrata(r *http.Request, form url.Values, faults []Fault) answer {
	out := p.answerSocrata(r, form, faults)
	p.mu.Lock()
	p.served++
	served := p.served
	p.mu.Unlock()
	id := fmt.Sprintf("%016x%016x", mix(p.options.Seed^served), mix(served))
	out.header.Set("X-Socrata-RequestId", id)
	out.header.Set("X-Socrata-Region", "simulator")
	out.header.Set("Access-Control-Allow-Origin", "*")
	return out
}

func (p *Portal) answerSocrata(r *http.Request, form url.Values, faults []Fault) answer {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return socrataJSON(http.StatusMethodNotAllowed, coreError("method_not_allowed", "Method not allowed", nil))
	}
	// A token that is sent must be valid: an empty header is an invalid token, not a missing one.
	if tokens, sent := r.Header[tokenHeader]; sent && strings.Join(tokens, "") == "" {
		return refuseSocrata(http.StatusForbidden)
	}
	id, rows := socrataID(r.URL.Path)
	if !rows && !strings.HasPrefix(r.URL.Path, viewsPath) {
		return htmlError(http.StatusNotFound)
	}
	v, about := p.published(socrata.Name, id)
	switch {
	case v == nil && rows:
		return socrataJSON(http.StatusNotFound, coreError("dataset.missing", "Not found", object{{"id", id}}))
	case v == nil:
		return socrataJSON(http.StatusNotFound, coreError("not_found", "Not found", object{{"id", id}}))
	}
	for _, f := range faults {
		v = viewRows(v, f)
	}
	if !rows {
		return socrataJSON(http.StatusOK, describeView(about, v))
	}
	q, refused := parseSoQL(form, v)
	if refused != nil {
		return refused.answer(form.Encode())
	}
	return q.answer(r, form, about.ID, v)
}

// answer sends the rows of a query, or 304.
func (q *soql) answer(r *http.Request, form url.Values, id string, v *version) answer {
	tag := socrataTag(id, v, form, acceptsGzip(r))
	modified := v.updated.Format(http.TimeFormat)
	header := http.Header{
		"Etag":          {tag},
		"Last-Modified": {modified},
	}
	if notModified(r, tag, v.updated) {
		return answer{status: http.StatusNotModified, header: header}
	}
	body, err := q.body(v)
	if err != nil {
		return socrataJSON(http.StatusInternalServerError, coreError("internal_error", err.Error(), nil))
	}
	header.Set("Content-Type", "application/json;charset=utf-8")
	header.Set("X-SODA2-Data-Out-Of-Date", "false")
	header.Set("X-SODA2-Truth-Last-Modified", modified)
	header.Set("X-SODA2-Secondary-Last-Modified", modified)
	names, types := q.schema(v)
	if fields, kinds := jsonBytes(names), jsonBytes(types); len(fields)+len(kinds) < 5000 {
		header.Set("X-SODA2-Fields", string(fields))
		header.Set("X-SODA2-Types", string(kinds))
	} else {
		header.Set("X-SODA2-Warning", "X-SODA2-Fields and X-SODA2-Types are not included because they are too large")
	}
	return answer{status: http.StatusOK, header: header, body: body}
}

// body writes the rows in the exact layout of SODA 2.1: "[{…}\n,{…}\n]\n"; "[]\n" without rows.
func (q *soql) body(v *version) ([]byte, error) {
	picked := q.pick(v)
	if q.count != "" {
		return append(append([]byte{'['}, jsonBytes(object{{q.count, strconv.Itoa(len(picked))}})...), "\n]\n"...), nil
	}
	var encoded [][]byte
	if q.whole {
		var err error
		if encoded, err = v.all(); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	out.WriteByte('[')
	for i, index := range q.page(picked) {
		if i > 0 {
			out.WriteByte(',')
		}
		switch {
		case q.ids:
			row := encoded[index] // {…}: it always has a field, the origin
			out.Write(row[:len(row)-1])
			fmt.Fprintf(&out, `,":id":%q}`, v.rowID(index))
		case q.whole:
			out.Write(encoded[index])
		default:
			row, err := q.row(v, index)
			if err != nil {
				return nil, err
			}
			out.Write(row)
		}
		out.WriteByte('\n')
	}
	out.WriteString("]\n")
	return out.Bytes(), nil
}

func (q *soql) row(v *version, index int) ([]byte, error) {
	if len(q.aliases) == 0 {
		return v.encodeRow(index, q.names, false)
	}
	var row object
	for _, name := range q.names {
		if value := v.field(index, name); value != nil {
			row = append(row, member{q.outputName(name), value})
		}
	}
	return row.MarshalJSON()
}

func (q *soql) outputName(name string) string {
	if alias, ok := q.aliases[name]; ok {
		return alias
	}
	return name
}

// schema returns the names and types for X-SODA2-Fields and X-SODA2-Types.
func (q *soql) schema(v *version) (names, types []string) {
	if q.count != "" {
		return []string{q.count}, []string{"number"}
	}
	for _, name := range q.names {
		names = append(names, q.outputName(name))
		types = append(types, typeOf(name, v))
	}
	return names, types
}

func typeOf(name string, v *version) string {
	switch name {
	case ":id":
		return "row_identifier"
	case ":created_at", ":updated_at":
		return "fixed_timestamp"
	}
	if c := v.column(name); c != nil {
		return c.Type
	}
	return "text"
}

// socrataTag returns an ETag that depends on the dataset's version, the query and the encoding, like the portal's.
func socrataTag(id string, v *version, form url.Values, gzipped bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d\n%s\n%s", id, v.number, v.updated.Unix(), v.salt, form.Encode()))
	tag := base64.RawURLEncoding.EncodeToString(sum[:12]) + "---" + hex.EncodeToString(sum[12:16])
	if gzipped {
		tag += "--gzip"
	}
	return `"` + tag + `"`
}

// notModified evaluates a conditional request. If-None-Match takes precedence over If-Modified-Since (RFC 9110).
func notModified(r *http.Request, tag string, updated time.Time) bool {
	if match := r.Header.Get("If-None-Match"); match != "" {
		for candidate := range strings.SplitSeq(match, ",") {
			if candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/"); candidate == tag || candidate == "*" {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !updated.After(since)
}

// describeView returns the response of /api/views: times are seconds since 1970.
func describeView(about Dataset, v *version) object {
	columns := make([]object, 0, len(v.columns)+1)
	for i, c := range v.columns {
		column := object{{"id", 1000 + i}, {"name", c.Title}, {"dataTypeName", c.Type}}
		if c.Description != "" {
			column = append(column, member{"description", c.Description})
		}
		columns = append(columns, append(column, member{"fieldName", c.Name}, member{"position", i + 1}))
	}
	columns = append(columns, object{
		{"id", 1000 + len(v.columns)}, {"name", source.Origin}, {"dataTypeName", "text"},
		{"description", "recorded: un fet real; invented: inventat pel simulador"}, {"fieldName", source.Origin},
		{"position", len(v.columns) + 1},
	})
	created := DefaultUpdatedAt.AddDate(-3, 0, 0).Unix()
	return object{
		{"id", about.ID}, {"name", about.Title}, {"assetType", "dataset"}, {"attribution", about.Attribution},
		{"attributionLink", inventedHost + "/llicencies"}, {"category", about.Category}, {"createdAt", created},
		{"description", about.Description}, {"licenseId", "SEE_TERMS_OF_USE"}, {"publicationDate", created},
		{"rowsUpdatedAt", v.updated.Unix()}, {"viewLastModified", v.updated.Unix()}, {"viewType", "tabular"},
		{"columns", columns}, {"license", object{{"name", "See Terms of Use"}}},
		{"metadata", object{{"llac_source_system", SystemName}, {"llac_origin", v.origin}}},
	}
}
