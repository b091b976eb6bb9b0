package idescat

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/source"
)

// Name is the kind's name in contracts and in --portal.
const Name = "idescat"

var tableID = regexp.MustCompile(`^[a-z]+/[0-9]+/[0-9]+/(cat|prov|at|com|mun|dis|sec|ac)$`)

// Kind is Idescat's tables API. It refuses an answer of 20,000 cells or more, and never clips one; large responses below
// that sometimes time out at the portal's gateway, so the default page is much smaller. No rate limit is published:
// third-party crawlers pause 400 ms to 3 s between requests.
var Kind = source.Kind{
	Name:              Name,
	Title:             "Idescat",
	Hosts:             []string{"api.idescat.cat"},
	RequestsPerSecond: 1,
	ID: source.IDRule{
		Form:        tableID,
		Description: "an Idescat id is statistics/node/table/geo",
		Example:     "pmh/446/477/mun",
	},
	PageSize:       source.PageSize{Default: 10_000, Max: 19_999},
	Client:         func(c *source.Caller) source.Client { return &client{c} },
	Reader:         func() source.Reader { return newReader() },
	Problem:        readProblem,
	BadRequestHint: "check the table id, the geography and the parameters of the source",
	Roles:          rolePseudoFields(),
	IsDerived:      isDerived,
	Asked:          asked,
	StatesSource:   true,
	Selection:      selection,
}

// The reader's own fields.
const (
	valueField  = "value"
	statusField = "status"
	labelSuffix = ".label"
)

// isDerived reports whether the reader makes the field: a cell's status, a label, or a dimension by role.
func isDerived(field string) bool {
	return field == statusField || strings.HasSuffix(field, labelSuffix) || strings.HasPrefix(field, source.RolePrefix)
}

// readProblem decodes an error body of Idescat: {"class":"error","id","label","status"}.
func readProblem(body []byte) (source.Problem, bool) {
	body, ok := source.MayBeProblem(body)
	if !ok {
		return source.Problem{}, false
	}
	var d struct {
		Class  string          `json:"class"`
		ID     json.RawMessage `json:"id"`
		Label  string          `json:"label"`
		Status json.RawMessage `json:"status"`
	}
	_ = json.Unmarshal(body, &d) // a field of another type elsewhere must not hide an error body
	if d.Class != "error" {
		return source.Problem{}, false
	}
	status, _ := strconv.Atoi(strings.Trim(string(d.Status), `"`))
	return source.Problem{Code: "error " + strings.Trim(string(d.ID), `"`), Message: d.Label, Status: status}, true
}
