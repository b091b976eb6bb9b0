package source

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxErrorBody is how much of a portal's error body is kept.
const maxErrorBody = 2 << 10

// maxProblem is the largest answer that is examined as a possible error body; no portal sends longer ones.
const maxProblem = 64 << 10

// Hints name contracts by this pattern, because a client does not know which contract sent it.
const (
	contractFile = "datasets/<dataset>.odcs.yaml"
	smallerPages = "set a smaller page size in " + contractFile
)

// Problem is the decoded error body of a portal.
type Problem struct {
	Code    string
	Message string
	Column  string // the column that does not exist, if that is the problem
	Status  int    // the HTTP status that the body contains or implies; 0: none
}

func (p Problem) String() string {
	switch {
	case p.Code == "":
		return p.Message
	case p.Message == "":
		return p.Code
	}
	return p.Code + ": " + p.Message
}

// MayBeProblem reports whether a body is an object short enough for an error body, and returns it without white space.
func MayBeProblem(body []byte) ([]byte, bool) {
	body = bytes.TrimSpace(body)
	return body, len(body) > 0 && len(body) <= maxProblem && body[0] == '{'
}

// isTransient reports whether a status is worth another try: 202 means that the portal is still working, the rest are
// failures that pass by themselves.
func isTransient(status int) bool {
	switch status {
	case http.StatusAccepted, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// Clip cuts a text to at most n bytes without splitting a character, and replaces bytes that are not UTF-8.
func Clip(t string, n int) string {
	t = strings.ToValidUTF8(t, "\uFFFD")
	if len(t) <= n {
		return t
	}
	for n > 0 && !utf8.RuneStart(t[n]) {
		n--
	}
	return t[:n]
}

// isHTML reports whether an answer is the page of a web server or proxy instead of data.
func isHTML(h http.Header, body []byte) bool {
	if strings.Contains(strings.ToLower(h.Get("Content-Type")), "html") {
		return true
	}
	body = bytes.TrimLeft(body, "\xEF\xBB\xBF \t\r\n")
	return len(body) > 0 && body[0] == '<'
}

// describeFailure returns a portal's refusal as an error.
func describeFailure(status int, p Problem, known bool, html bool) error {
	text := http.StatusText(status)
	switch {
	case known:
		text = Clip(p.String(), 400)
	case html:
		text += " (an HTML page)"
	}
	if status == http.StatusGatewayTimeout {
		text += ": if it persists, " + smallerPages
	}
	return fmt.Errorf("the portal returned %d %s", status, text)
}

// hint returns what a person can do about a refusal.
func (c *Caller) hint(status int, p Problem) string {
	if p.Column != "" {
		return fmt.Sprintf("the column %s was renamed or removed upstream: update the source field in %s", Clip(p.Column, 80), contractFile)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if c.sendsToken() {
			return "the app token was refused: unset or renew it"
		}
		return "the portal requires credentials for this dataset: check that it is still public"
	case http.StatusNotFound, http.StatusGone:
		return "the portal does not have this dataset: check the source id in " + contractFile
	case http.StatusRequestedRangeNotSatisfiable, http.StatusRequestEntityTooLarge:
		return "the portal refuses this many rows or cells per request: " + smallerPages
	case http.StatusBadRequest, http.StatusConflict:
		if c.Kind.BadRequestHint != "" {
			return c.Kind.BadRequestHint + " in " + contractFile
		}
		return "check the source parameters in " + contractFile
	}
	return "check the portal's answer and the source section of " + contractFile
}
