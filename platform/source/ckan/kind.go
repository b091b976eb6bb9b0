package ckan

import (
	"encoding/json"
	"regexp"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// Name is the kind's name in contracts and in --portal.
const Name = "ckan"

// rowID is the field that the datastore adds to every record.
const rowID = "_id"

// Kind is the CKAN datastore, which serves at most 32,000 rows per page unless its operator changes the limit.
var Kind = source.Kind{
	Name:              Name,
	Title:             "CKAN",
	Hosts:             []string{"opendata-ajuntament.barcelona.cat"},
	RequestsPerSecond: 2,
	AtOnce:            2,
	ID: source.IDRule{
		Form:        regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
		Description: "a CKAN id is the resource's UUID",
		Example:     "52696168-d8bc-4707-9a09-a21c6c2669f3",
	},
	PageSize:     source.PageSize{Default: 10_000, Max: 32_000},
	Client:       func(c *source.Caller) source.Client { return &client{c} },
	Reader:       func() source.Reader { return newReader() },
	Problem:      readProblem,
	IsDerived:    func(field string) bool { return field == rowID },
	RowID:        rowID,
	StatesSource: true,
	Asked:        asked,
}

func newReader() *reader { return &reader{records: jsonpage.NewRecords()} }

// readProblem decodes an error body of CKAN: {"success":false,"error":{…}}.
func readProblem(body []byte) (source.Problem, bool) {
	body, ok := source.MayBeProblem(body)
	if !ok {
		return source.Problem{}, false
	}
	var d struct {
		Error   json.RawMessage `json:"error"`
		Success *bool           `json:"success"`
	}
	_ = json.Unmarshal(body, &d) // a field of another type elsewhere must not hide an error body
	if d.Success == nil || *d.Success {
		return source.Problem{}, false
	}
	var e struct {
		Message string `json:"message"`
		Type    string `json:"__type"`
	}
	if json.Unmarshal(d.Error, &e) != nil {
		e.Type = "success is false"
	}
	return source.Problem{Code: e.Type, Message: e.Message}, true
}
