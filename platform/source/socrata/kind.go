package socrata

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// Name is the kind's name in contracts and in --portal.
const Name = "socrata"

// rowID is the system field with the portal's number of a row.
const rowID = ":id"

// Kind is Socrata SODA 2.1. SODA 2.1 has no page limit of its own; SODA 2.0 and its documentation stop at 50,000 rows. No
// rate limit is published: third-party crawlers pause 250 ms between requests.
var Kind = source.Kind{
	Name:              Name,
	Title:             "Socrata",
	Hosts:             []string{"analisi.transparenciacatalunya.cat"},
	RequestsPerSecond: 4,
	AtOnce:            4, // a page may take a second
	ID: source.IDRule{
		Form:        regexp.MustCompile(`^[a-z0-9]{4}-[a-z0-9]{4}$`),
		Description: "a Socrata id is two groups of four characters",
		Example:     "ivft-vegh",
	},
	PageSize:        source.PageSize{Default: 10_000, Max: 50_000},
	Client:          func(c *source.Caller) source.Client { return &client{c} },
	Reader:          func() source.Reader { return newReader() },
	Problem:         readProblem,
	TokenHeader:     "X-App-Token",
	TokenVariable:   "SOCRATA_APP_TOKEN",
	RequestIDHeader: "X-Socrata-RequestId",
	RowID:           rowID,
	Asked:           asked,
}

// reader reads a SODA page: an array of objects.
type reader struct {
	records *jsonpage.Records
	page    []byte // that was read last
}

func newReader() *reader { return &reader{records: jsonpage.NewRecords()} }

// Identity returns what a SODA page states of itself: nothing, unless a simulator sent it.
func (r *reader) Identity() source.Identity {
	id := source.NoIdentity()
	id.Simulated = source.HasMark(r.page)
	return id
}

// Want does nothing: all fields of a SODA page are the portal's own.
func (r *reader) Want(...string) {}

// Rows yields one row per object, with the fields in the page's order, none dropped; a name may repeat.
func (r *reader) Rows(page []byte, yield func(source.Row) error) error {
	r.page = page
	s := r.records.Begin(page)
	if err := s.Expect('[', "a page of rows must be an array of objects"); err != nil {
		return err
	}
	if err := r.records.Read(yield); err != nil {
		return err
	}
	return s.End()
}

// statusOfCode is the HTTP status that an error code stands for, whatever the status that it comes with.
var statusOfCode = map[string]int{
	"too-many-requests":            http.StatusTooManyRequests,
	"request-timeout":              http.StatusRequestTimeout,
	"service-unavailable":          http.StatusServiceUnavailable,
	"query.datasource.unavailable": http.StatusServiceUnavailable,
	"internal-error":               http.StatusInternalServerError,
	"req.row-limit-exceeded":       http.StatusRequestEntityTooLarge,
}

// readProblem decodes an error body of Socrata's front end, {"code","error":true,"message"}, or of its query servers,
// {"errorCode","message","data"}.
func readProblem(body []byte) (source.Problem, bool) {
	body, ok := source.MayBeProblem(body)
	if !ok {
		return source.Problem{}, false
	}
	var d struct {
		Code      string          `json:"code"`
		Error     json.RawMessage `json:"error"`
		Message   string          `json:"message"`
		ErrorCode string          `json:"errorCode"`
		Data      struct {
			Column string `json:"column"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &d) // a field of another type elsewhere must not hide an error body
	code := d.ErrorCode
	if code == "" && string(d.Error) == "true" {
		code = d.Code
	} else if code == "" {
		return source.Problem{}, false
	}
	p := source.Problem{Code: code, Message: d.Message, Column: d.Data.Column, Status: statusOfCode[code]}
	if p.Column == "" && code == "query.soql.no-such-column" {
		p.Column = "that the portal names"
	}
	return p, true
}
