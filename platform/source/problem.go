package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxErrorBody is how much of a portal's error body is kept.
const maxErrorBody = 2 << 10

// maxProblem is the size up to which an answer is looked at as a possible error body; no portal sends longer ones.
const maxProblem = 64 << 10

// problem is an error body of a portal, whichever of its shapes it came in.
type problem struct {
	code    string
	message string
	column  string // Socrata: the column that is not there
	status  int    // the status the body speaks of; 0: none
}

func (p problem) String() string {
	switch {
	case p.code == "":
		return p.message
	case p.message == "":
		return p.code
	}
	return p.code + ": " + p.message
}

// statusOfCode tells which of Socrata's error codes are passing troubles, for bodies that come with status 200.
var statusOfCode = map[string]int{
	"too-many-requests":            http.StatusTooManyRequests,
	"request-timeout":              http.StatusRequestTimeout,
	"service-unavailable":          http.StatusServiceUnavailable,
	"query.datasource.unavailable": http.StatusServiceUnavailable,
	"internal-error":               http.StatusInternalServerError,
}

// readProblem recognises an error body: Socrata's front end {"code","error":true,"message"}, its query servers
// {"errorCode","message","data"}, Idescat {"class":"error","id","label","status"}, CKAN {"success":false,"error":{…}}.
func readProblem(body []byte) (problem, bool) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || len(body) > maxProblem || body[0] != '{' {
		return problem{}, false
	}
	var d struct {
		Code      string          `json:"code"`
		Error     json.RawMessage `json:"error"`
		Message   string          `json:"message"`
		ErrorCode string          `json:"errorCode"`
		Data      struct {
			Column string `json:"column"`
		} `json:"data"`
		Class   string          `json:"class"`
		ID      json.RawMessage `json:"id"`
		Label   string          `json:"label"`
		Status  json.RawMessage `json:"status"`
		Success *bool           `json:"success"`
	}
	if json.Unmarshal(body, &d) != nil && d.Class != "error" && d.ErrorCode == "" && d.Success == nil && string(d.Error) != "true" {
		return problem{}, false // a field of another type elsewhere does not hide an error body
	}
	switch {
	case d.ErrorCode != "":
		return problem{code: d.ErrorCode, message: d.Message, column: d.Data.Column, status: statusOfCode[d.ErrorCode]}, true
	case string(d.Error) == "true":
		return problem{code: d.Code, message: d.Message, column: d.Data.Column, status: statusOfCode[d.Code]}, true
	case d.Class == "error":
		status, _ := strconv.Atoi(strings.Trim(string(d.Status), `"`))
		return problem{code: "error " + strings.Trim(string(d.ID), `"`), message: d.Label, status: status}, true
	case d.Success != nil && !*d.Success:
		var e struct {
			Message string `json:"message"`
			Type    string `json:"__type"`
		}
		if json.Unmarshal(d.Error, &e) != nil {
			e.Type = "success is false"
		}
		return problem{code: e.Type, message: e.Message}, true
	}
	return problem{}, false
}

// passing says whether a status is worth another try: 202 is Socrata still at work, the rest are troubles that go
// by themselves.
func passing(status int) bool {
	switch status {
	case http.StatusAccepted, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// clip cuts a text to at most n bytes without cutting a character, and mends what is no UTF-8.
func clip(t string, n int) string {
	t = strings.ToValidUTF8(t, "\uFFFD")
	if len(t) <= n {
		return t
	}
	for n > 0 && !utf8.RuneStart(t[n]) {
		n--
	}
	return t[:n]
}

// isHTML recognises the page of a web server or proxy standing where data should be.
func isHTML(h http.Header, body []byte) bool {
	if strings.Contains(strings.ToLower(h.Get("Content-Type")), "html") {
		return true
	}
	body = bytes.TrimLeft(body, "\xEF\xBB\xBF \t\r\n")
	return len(body) > 0 && body[0] == '<'
}

// describeFailure words a portal's refusal.
func describeFailure(status int, p problem, known bool, html bool) error {
	said := http.StatusText(status)
	switch {
	case known:
		said = clip(p.String(), 400)
	case html:
		said += " (an HTML page)"
	}
	if status == http.StatusGatewayTimeout {
		said += ": if it stays so, ask for less at once by a smaller page size"
	}
	return fmt.Errorf("the portal answered %d %s", status, said)
}

// hint says what a person can do about a refusal; dataset files are named by pattern, since a client does not
// know which contract sent it.
func hint(kind string, status int, p problem, token bool) string {
	const file = "datasets/<dataset>.odcs.yaml"
	if p.column != "" || p.code == "query.soql.no-such-column" {
		return fmt.Sprintf("the column %s was renamed or removed upstream: update the source field in %s", clip(p.column, 80), file)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if token {
			return "the app token was refused: unset or renew it"
		}
		return "the portal gives this dataset to nobody without credentials: check that it is still public"
	case http.StatusNotFound, http.StatusGone:
		return "the portal does not know this dataset: check the source id in " + file
	case http.StatusRequestedRangeNotSatisfiable:
		return "the portal refuses so many cells at once: set a smaller page size in " + file
	case http.StatusBadRequest, http.StatusConflict:
		if kind == Idescat {
			return "check the table id, the geography and the parameters of the source in " + file
		}
		return "check the source parameters in " + file
	}
	return "look at the portal's answer and at the source section of " + file
}
