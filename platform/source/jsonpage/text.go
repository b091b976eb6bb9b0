package jsonpage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/llac-project/llac/platform/source"
)

// Unquote decodes a JSON string that the scanner has accepted.
func Unquote(raw []byte) string {
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var t string
	if json.Unmarshal(raw, &t) != nil {
		return ""
	}
	return t
}

// IsText reports whether raw is a JSON string.
func IsText(raw []byte) bool { return len(raw) >= 2 && raw[0] == '"' }

// IsNull reports whether raw is the JSON null.
func IsNull(raw []byte) bool { return string(raw) == "null" }

// WholeNumber reads a JSON number or a string of digits, as portals write counts.
func WholeNumber(raw json.RawMessage) (int64, error) {
	t := string(raw)
	if IsText(raw) {
		t = Unquote(raw)
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err == nil && n < 0 {
		err = fmt.Errorf("%d is negative", n)
	}
	return n, err
}

// DecodeObject decodes a small document that must be an object. what names it in errors.
func DecodeObject(body []byte, into any, what string) error {
	s := NewScanner(body)
	if err := s.Expect('{', what+" must be an object"); err != nil {
		return err
	}
	start, end, err := s.Value()
	if err != nil {
		return err
	}
	if err := s.End(); err != nil {
		return err
	}
	if at := RepeatedName(body[start:end]); at >= 0 {
		return s.Fail(start+at, fmt.Errorf("%w: %w", source.ErrForm, source.ErrRepeatedName))
	}
	if err := json.Unmarshal(body[start:end], into); err != nil {
		return s.Fail(start, fmt.Errorf("%w: %s cannot be decoded: %w", source.ErrForm, what, err))
	}
	return nil
}
